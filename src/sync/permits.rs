//! What there is a limited number of in one context: sockets, accepted connections.

use std::sync::Arc;

use crate::sync::primitives::Mutex;

/// Seats in rows, the limit being on all rows together.
#[derive(Debug)]
pub(crate) struct Seats {
    /// Seats taken in each row.
    rows: Mutex<Vec<usize>>,
    limit: usize,
}

/// A seat that is taken, until this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    row: usize,
}

impl Seats {
    /// That many rows, at least one, and no limit where there is none.
    pub(crate) fn new(rows: usize, limit: Option<usize>) -> Arc<Self> {
        Arc::new(Seats {
            rows: Mutex::new(vec![0; rows.max(1)]),
            limit: limit.unwrap_or(usize::MAX),
        })
    }

    /// Takes a seat in the emptiest row of those that are `fit`, or of all if none is; `None` if
    /// all seats are taken.
    pub(crate) fn take(self: &Arc<Self>, fit: impl Fn(usize) -> bool) -> Option<Seat> {
        self.take_where(|rows| {
            let rows = rows.iter().enumerate();
            let emptiest = rows.min_by_key(|(row, taken)| (!fit(*row), **taken));
            emptiest.map(|(row, _)| row)
        })
    }

    /// Takes a seat in this row; `None` if all are taken, or there is no such row.
    pub(crate) fn take_in(self: &Arc<Self>, row: usize) -> Option<Seat> {
        self.take_where(|rows| (row < rows.len()).then_some(row))
    }

    /// Seats taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.rows.lock().iter().sum()
    }

    fn take_where(self: &Arc<Self>, which: impl FnOnce(&[usize]) -> Option<usize>) -> Option<Seat> {
        let mut rows = self.rows.lock();
        if rows.iter().sum::<usize>() >= self.limit {
            return None;
        }
        let row = which(&rows)?;
        rows[row] += 1;
        drop(rows);
        Some(Seat {
            seats: Arc::clone(self),
            row,
        })
    }
}

impl Seat {
    pub(crate) fn row(&self) -> usize {
        self.row
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.rows.lock()[self.row] -= 1;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_row_with_the_fewest_permits_is_next() {
        let seats = Seats::new(3, None);
        let mut taken: Vec<Seat> = (0..6).filter_map(|_| seats.take(|_| true)).collect();
        let rows: Vec<usize> = taken.iter().map(Seat::row).collect();
        assert_eq!(rows, [0, 1, 2, 0, 1, 2]);
        drop(taken.remove(1));
        assert_eq!(seats.take(|_| true).map(|seat| seat.row()), Some(1));
        let first = [(); 3].map(|()| seats.take_in(0));
        assert!(first.iter().all(Option::is_some));
        assert_eq!(seats.take(|_| true).map(|seat| seat.row()), Some(1));
        assert!(seats.take_in(3).is_none());
    }

    #[test]
    fn the_limit_applies_to_all_rows_and_permits_are_reused() {
        let seats = Seats::new(2, Some(2));
        let (first, second) = (seats.take(|_| true), seats.take_in(0));
        assert!(first.is_some() && second.is_some());
        assert!(seats.take(|_| true).is_none() && seats.take_in(1).is_none());
        drop(first);
        assert_eq!(seats.taken(), 1);
        assert!(seats.take_in(1).is_some());
    }
}
