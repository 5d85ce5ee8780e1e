//! What an NPU's clock, temperature and power mean for how much it is given to do.

mod control;
mod pace;
pub mod sysfs;

#[cfg(test)]
mod tests;

pub use control::{Condition, Control, Figures, PERIOD, Reading, Step};
pub use pace::{Pace, Steps};
