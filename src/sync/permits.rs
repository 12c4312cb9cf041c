//! Permits for resources of which one context has a limited number: sockets, accepted connections.

use std::sync::Arc;

use crate::sync::primitives::Mutex;

/// Permits, counted per row, with one limit on all rows together.
#[derive(Debug)]
pub(crate) struct Permits {
    /// Permits taken in each row.
    rows: Mutex<Vec<usize>>,
    limit: usize,
}

/// A permit, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: Arc<Permits>,
    row: usize,
}

impl Permits {
    /// Creates that many rows, at least one; without a limit there are always permits.
    pub(crate) fn new(rows: usize, limit: Option<usize>) -> Arc<Self> {
        Arc::new(Permits {
            rows: Mutex::new(vec![0; rows.max(1)]),
            limit: limit.unwrap_or(usize::MAX),
        })
    }

    /// Takes a permit in the row with the fewest taken, among those that are `fit`, or among all if
    /// none is; `None` if no permit is left.
    pub(crate) fn take(self: &Arc<Self>, fit: impl Fn(usize) -> bool) -> Option<Permit> {
        self.take_where(|rows| {
            let rows = rows.iter().enumerate();
            let emptiest = rows.min_by_key(|(row, taken)| (!fit(*row), **taken));
            emptiest.map(|(row, _)| row)
        })
    }

    /// Takes a permit in this row; `None` if none is left, or there is no such row.
    pub(crate) fn take_in(self: &Arc<Self>, row: usize) -> Option<Permit> {
        self.take_where(|rows| (row < rows.len()).then_some(row))
    }

    /// Number of permits taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.rows.lock().iter().sum()
    }

    fn take_where(
        self: &Arc<Self>,
        which: impl FnOnce(&[usize]) -> Option<usize>,
    ) -> Option<Permit> {
        let mut rows = self.rows.lock();
        if rows.iter().sum::<usize>() >= self.limit {
            return None;
        }
        let row = which(&rows)?;
        rows[row] += 1;
        drop(rows);
        Some(Permit {
            permits: Arc::clone(self),
            row,
        })
    }
}

impl Permit {
    pub(crate) fn row(&self) -> usize {
        self.row
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.rows.lock()[self.row] -= 1;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_row_with_the_fewest_permits_is_next() {
        let permits = Permits::new(3, None);
        let mut taken: Vec<Permit> = (0..6).filter_map(|_| permits.take(|_| true)).collect();
        let rows: Vec<usize> = taken.iter().map(Permit::row).collect();
        assert_eq!(rows, [0, 1, 2, 0, 1, 2]);
        drop(taken.remove(1));
        assert_eq!(permits.take(|_| true).map(|permit| permit.row()), Some(1));
        let first = [(); 3].map(|()| permits.take_in(0));
        assert!(first.iter().all(Option::is_some));
        assert_eq!(permits.take(|_| true).map(|permit| permit.row()), Some(1));
        assert!(permits.take_in(3).is_none());
    }

    #[test]
    fn the_limit_applies_to_all_rows_and_permits_are_reused() {
        let permits = Permits::new(2, Some(2));
        let (first, second) = (permits.take(|_| true), permits.take_in(0));
        assert!(first.is_some() && second.is_some());
        assert!(permits.take(|_| true).is_none() && permits.take_in(1).is_none());
        drop(first);
        assert_eq!(permits.taken(), 1);
        assert!(permits.take_in(1).is_some());
    }
}
