//! The rule by which admission follows an NPU's telemetry: plain data and a clock that is passed in.
//!
//! Fewer inferences at once and larger batches are what a scheduler can do about heat. Places are halved while readings
//! say that the device is throttled, and come back a quarter at a time once they no longer do (additive increase,
//! multiplicative decrease, as congestion control does it). When places that came back bring throttling back, the pause
//! before the next ones doubles, so that the rule settles instead of swinging. A reading that is not there or cannot be
//! true changes nothing.

use std::time::Duration;

use serde::Serialize;

/// Readings are taken this often.
pub const PERIOD: Duration = Duration::from_millis(500);
/// Below this share of the maximum clock a busy device is throttled; from the second on it has recovered.
const CLOCK: (f64, f64) = (0.8, 0.9);
/// Degrees Celsius from which a device is throttled, and below which it has recovered.
const TEMPERATURE: (f64, f64) = (95.0, 90.0);
/// Share of the power budget above which it is kept to, and below which there is room again.
const POWER: (f64, f64) = (1.0, 0.9);
/// Throttled readings in a row before places go.
const THROTTLED_READINGS: u32 = 2;
/// Between two steps down, and between two steps up.
const PAUSE: Duration = Duration::from_secs(1);
/// How long readings must be good before places come back.
const RECOVERY: Duration = Duration::from_secs(2);
const LONGEST_RECOVERY: Duration = Duration::from_secs(60);
/// Throttling that comes this soon after places came back is held against them.
const RELAPSE: Duration = Duration::from_secs(10);
/// What operations wait for others at the first step down, doubled with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(1);
/// Doublings of the delay at the most, the first one included: up to 8 ms.
const LEVELS: u32 = 4;
/// Clocks above this multiple of the maximum, and temperatures outside of these degrees, cannot be true.
const IMPLAUSIBLE_CLOCK: f64 = 2.0;
const PLAUSIBLE_TEMPERATURES: std::ops::RangeInclusive<f64> = -40.0..=150.0;
const MOST_PLAUSIBLE_WATTS: f64 = 1000.0;

/// What was read of a device at one moment; what could not be read is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reading {
    /// Since some fixed moment.
    pub at: Duration,
    /// Whether the device had work since the last reading.
    pub busy: bool,
    /// Clock in MHz; 0 while it is suspended.
    pub frequency_mhz: Option<f64>,
    /// The highest clock.
    pub max_frequency_mhz: Option<f64>,
    /// Degrees Celsius.
    pub temperature_celsius: Option<f64>,
    /// Energy used since some moment, in joules.
    pub energy_joules: Option<f64>,
}

/// What the control makes of the last reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Condition {
    /// There was nothing that could be judged.
    Unknown,
    Idle,
    Normal,
    Throttled,
}

/// The figures that a step was taken for; absent ones could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Figures {
    pub frequency_mhz: Option<f64>,
    pub max_frequency_mhz: Option<f64>,
    pub temperature_celsius: Option<f64>,
    pub power_watts: Option<f64>,
}

/// A change of what is admitted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Milliseconds since the engine started.
    pub at_ms: f64,
    /// In words, with the figures.
    pub reason: String,
    /// Inferences at once, before.
    pub limit_before: usize,
    /// And after.
    pub limit: usize,
    /// What operations wait for others, in microseconds.
    pub batch_delay_us: u64,
    /// What was read.
    pub figures: Figures,
}

/// The control of one device.
#[derive(Debug, Clone)]
pub struct Control {
    /// Places of the device when nothing is wrong.
    base: usize,
    limit: usize,
    /// How often the delay was doubled.
    level: u32,
    budget_watts: Option<f64>,
    last: Option<Reading>,
    condition: Condition,
    figures: Figures,
    throttled_in_row: u32,
    good_since: Option<Duration>,
    lowered_at: Option<Duration>,
    raised_at: Option<Duration>,
    recovery: Duration,
}

/// How one quantity stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Good,
    /// Neither bad enough to act on nor good enough to recover.
    Between,
    Bad,
}

impl Control {
    /// Of a device with `base` places.
    #[must_use]
    pub fn new(base: usize, budget_watts: Option<f64>) -> Self {
        let base = base.max(1);
        Self {
            base,
            limit: base,
            level: 0,
            budget_watts,
            last: None,
            condition: Condition::Unknown,
            figures: Figures::default(),
            throttled_in_row: 0,
            good_since: None,
            lowered_at: None,
            raised_at: None,
            recovery: RECOVERY,
        }
    }

    /// How many inferences may be on the device at once.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What the last reading was taken for.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// What was read last.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// The device got more places, or lost some.
    pub fn set_base(&mut self, base: usize) {
        let base = base.max(1);
        // A limit that was lowered stays where it is.
        if self.limit == self.base {
            self.limit = base;
        }
        self.base = base;
        self.limit = self.limit.min(base);
    }

    /// How long operations wait for others, at least.
    #[must_use]
    pub fn batch_delay(&self) -> Duration {
        match self.level {
            0 => Duration::ZERO,
            level => FIRST_DELAY * (1 << (level - 1)),
        }
    }

    /// Whether nothing is held back.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.limit == self.base && self.level == 0
    }

    /// Takes a reading; gives the step that follows from it, if one does.
    pub fn take(&mut self, reading: &Reading) -> Option<Step> {
        let last = self.last;
        if last.is_some_and(|last| reading.at <= last.at) {
            return None;
        }
        self.last = Some(*reading);
        self.figures = figures(reading, last.as_ref());
        let Some((verdict, reason)) = self.judge(reading) else {
            self.condition = if reading.busy { Condition::Unknown } else { Condition::Idle };
            if reading.busy {
                // What is not known is no reason to act, and no evidence that things are good.
                self.throttled_in_row = 0;
                self.good_since = None;
                return None;
            }
            // A device without work has nothing to be throttled for.
            return self.recover(reading.at, "the device has no work");
        };
        self.condition =
            if verdict == Verdict::Bad { Condition::Throttled } else { Condition::Normal };
        match verdict {
            Verdict::Bad => {
                self.good_since = None;
                self.throttled_in_row += 1;
                self.lower(reading.at, &reason)
            }
            Verdict::Between => {
                self.throttled_in_row = 0;
                self.good_since = None;
                None
            }
            Verdict::Good => {
                self.throttled_in_row = 0;
                self.recover(reading.at, &reason)
            }
        }
    }

    /// The worst of what could be read, in words; nothing when nothing could, or the device had no work.
    fn judge(&self, reading: &Reading) -> Option<(Verdict, String)> {
        let Figures { frequency_mhz, max_frequency_mhz, temperature_celsius, power_watts } =
            self.figures;
        let clock = frequency_mhz.zip(max_frequency_mhz).filter(|(clock, _)| *clock > 0.0);
        let clock = clock.filter(|_| reading.busy).map(|(clock, most)| {
            let verdict = falling(clock / most, CLOCK);
            (verdict, format!("clock {clock:.0} of {most:.0} MHz while busy"))
        });
        let heat = temperature_celsius
            .map(|degrees| (rising(degrees, TEMPERATURE), format!("{degrees:.0} °C")));
        let power = power_watts.zip(self.budget_watts).map(|(watts, budget)| {
            (rising(watts / budget, POWER), format!("{watts:.1} of {budget:.1} W"))
        });
        [clock, heat, power].into_iter().flatten().max_by_key(|(verdict, _)| *verdict)
    }

    fn lower(&mut self, at: Duration, reason: &str) -> Option<Step> {
        let too_soon = self.lowered_at.is_some_and(|then| at < then + PAUSE);
        let is_least = self.limit == 1 && self.level == LEVELS;
        if self.throttled_in_row < THROTTLED_READINGS || too_soon || is_least {
            return None;
        }
        if self.raised_at.take().is_some_and(|then| at < then + RELAPSE) {
            self.recovery = (self.recovery * 2).min(LONGEST_RECOVERY);
        }
        let before = self.limit;
        self.limit = (self.limit / 2).max(1);
        self.level = (self.level + 1).min(LEVELS);
        self.lowered_at = Some(at);
        Some(self.step(at, before, reason))
    }

    fn recover(&mut self, at: Duration, reason: &str) -> Option<Step> {
        let since = *self.good_since.get_or_insert(at);
        if self.is_full() {
            // A long time without throttling, and earlier swings are forgotten.
            if at >= since + LONGEST_RECOVERY {
                self.recovery = RECOVERY;
            }
            return None;
        }
        let too_soon = self.raised_at.is_some_and(|then| at < then + PAUSE);
        if at < since + self.recovery || too_soon {
            return None;
        }
        let before = self.limit;
        self.limit = (self.limit + self.base.div_ceil(4)).min(self.base);
        self.level = if self.limit == self.base { 0 } else { self.level.saturating_sub(1) };
        self.raised_at = Some(at);
        Some(self.step(at, before, reason))
    }

    fn step(&self, at: Duration, limit_before: usize, reason: &str) -> Step {
        Step {
            at_ms: at.as_secs_f64() * 1e3,
            reason: reason.to_owned(),
            limit_before,
            limit: self.limit,
            batch_delay_us: u64::try_from(self.batch_delay().as_micros()).unwrap_or(u64::MAX),
            figures: self.figures,
        }
    }
}

/// What of a reading can be true; power needs two of them.
fn figures(reading: &Reading, last: Option<&Reading>) -> Figures {
    let most = reading.max_frequency_mhz.filter(|most| most.is_finite() && *most > 0.0);
    let clock = reading.frequency_mhz.filter(|clock| {
        let highest = most.map_or(f64::MAX, |most| most * IMPLAUSIBLE_CLOCK);
        (0.0..=highest).contains(clock)
    });
    let power = last.and_then(|last| {
        let seconds = reading.at.checked_sub(last.at)?.as_secs_f64();
        let joules = reading.energy_joules? - last.energy_joules?;
        Some(joules / seconds).filter(|watts| (0.0..=MOST_PLAUSIBLE_WATTS).contains(watts))
    });
    Figures {
        frequency_mhz: clock,
        max_frequency_mhz: most,
        temperature_celsius: reading
            .temperature_celsius
            .filter(|degrees| PLAUSIBLE_TEMPERATURES.contains(degrees)),
        power_watts: power,
    }
}

/// Of a quantity that is bad when it is low.
fn falling(value: f64, (bad, good): (f64, f64)) -> Verdict {
    match value {
        value if value < bad => Verdict::Bad,
        value if value < good => Verdict::Between,
        _ => Verdict::Good,
    }
}

/// Of a quantity that is bad when it is high.
fn rising(value: f64, (bad, good): (f64, f64)) -> Verdict {
    match value {
        value if value > bad || (bad - value).abs() < f64::EPSILON => Verdict::Bad,
        value if value > good => Verdict::Between,
        _ => Verdict::Good,
    }
}
