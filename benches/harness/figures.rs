//! From readings to words: medians, spreads, numbers people can read.

use super::cell::Reading;

/// All readings of one contender in one cell.
#[derive(Clone, Debug)]
pub(crate) struct Series<R = Reading> {
    pub(crate) readings: Vec<R>,
    pub(crate) failures: Vec<String>,
}

impl<R> Default for Series<R> {
    fn default() -> Self {
        Series {
            readings: Vec::new(),
            failures: Vec::new(),
        }
    }
}

impl<R> Series<R> {
    pub(crate) fn add(&mut self, outcome: Result<R, String>) {
        match outcome {
            Ok(reading) => self.readings.push(reading),
            Err(why) => self.failures.push(why),
        }
    }

    /// The median over the rounds, `None` without a single reading.
    pub(crate) fn median(&self, of: impl Fn(&R) -> f64) -> Option<f64> {
        median(self.readings.iter().map(of).collect())
    }

    /// The least and the greatest value over the rounds.
    pub(crate) fn spread(&self, of: impl Fn(&R) -> f64) -> Option<(f64, f64)> {
        let values = || self.readings.iter().map(&of);
        Some((values().reduce(f64::min)?, values().reduce(f64::max)?))
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// `64 B`, `8 KiB`, `1 MiB`.
pub(crate) fn size_name(bytes: usize) -> String {
    match bytes {
        mebi if mebi >= 1 << 20 && mebi % (1 << 20) == 0 => format!("{}MiB", mebi >> 20),
        kibi if kibi >= 1 << 10 && kibi % (1 << 10) == 0 => format!("{}KiB", kibi >> 10),
        few => format!("{few}B"),
    }
}

/// `5.31M`, `812k`, `431`: three figures and a unit.
pub(crate) fn rate_name(per_second: f64) -> String {
    let (value, unit) = match per_second {
        big if big >= 999_500.0 => (big / 1e6, "M"),
        middling if middling >= 9_995.0 => (middling / 1e3, "k"),
        small => return format!("{small:.0}"),
    };
    match value {
        hundreds if hundreds >= 100.0 => format!("{hundreds:.0}{unit}"),
        tens if tens >= 10.0 => format!("{tens:.1}{unit}"),
        ones => format!("{ones:.2}{unit}"),
    }
}

/// What a record says of the machine.
pub(crate) struct Facts {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// How the kernel controls the congestion of TCP: it makes a difference on loopback, too.
    pub(crate) tcp: String,
    pub(crate) memory_mib: u64,
    /// Processes ready to run, on the average of the last minute.
    pub(crate) load: f64,
}

pub(crate) fn facts() -> Facts {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split(':').nth(1))
        .map_or("unknown processor", str::trim);
    let memory = read("/proc/meminfo");
    let memory = memory.split_ascii_whitespace().nth(1);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().and_then(|load| load.parse().ok());
    Facts {
        cpu: model.to_owned(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        tcp: read("/proc/sys/net/ipv4/tcp_congestion_control")
            .trim()
            .to_owned(),
        memory_mib: memory.and_then(|kib| kib.parse().ok()).unwrap_or(0) / 1024,
        load: load.unwrap_or(-1.0),
    }
}

/// The machine, in one line.
pub(crate) fn machine() -> String {
    let facts = facts();
    format!(
        "{}, {} cores, Linux {}, TCP {}, load {}",
        facts.cpu, facts.cores, facts.kernel, facts.tcp, facts.load
    )
}

/// Today, by UTC: `2026-01-31`.
pub(crate) fn date() -> String {
    const DAY: u64 = 24 * 60 * 60;
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let (mut days, mut year) = (since.as_secs() / DAY, 1970);
    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}
