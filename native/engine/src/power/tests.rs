//! The control rule, on traces and on devices that throttle by a rule of their own.

use std::time::Duration;

use proptest::prelude::*;

use super::{Condition, Control, PERIOD, Reading, Step};

const MOST: f64 = 1400.0;

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn reading(seconds: f64, clock: f64) -> Reading {
    Reading {
        at: at(seconds),
        busy: true,
        frequency_mhz: Some(clock),
        max_frequency_mhz: Some(MOST),
        ..Reading::default()
    }
}

/// Runs a control against a device whose clock follows from the limit, and gives every step.
fn run(control: &mut Control, seconds: f64, clock: impl Fn(f64, usize) -> f64) -> Vec<Step> {
    let period = PERIOD.as_secs_f64();
    let mut steps = Vec::new();
    let mut now = period;
    while now <= seconds {
        let clock = clock(now, control.limit());
        steps.extend(control.take(&reading(now, clock)));
        now += period;
    }
    steps
}

/// A step that takes places away, or lets operations wait longer where there is only one place.
fn is_down(step: &Step) -> bool {
    step.limit < step.limit_before || (step.limit == step.limit_before && step.batch_delay_us > 0)
}

fn turns(steps: &[Step]) -> usize {
    let downs: Vec<_> = steps.iter().map(is_down).collect();
    downs.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn places_go_within_two_seconds_and_are_back_within_ten() {
    for base in [1, 2, 4, 8, 16] {
        let mut control = Control::new(base, None);
        // Throttled from the 5th to the 20th second.
        let throttled = |now: f64| now > 5.0 && now <= 20.0;
        let steps = run(&mut control, 40.0, |now, _| if throttled(now) { 700.0 } else { MOST });
        let first = &steps[0];
        assert!(first.limit < first.limit_before || base == 1);
        assert!(first.batch_delay_us > 0);
        assert!(first.at_ms <= 7_000.0, "{first:?}");
        let full = |step: &&Step| step.limit == base && step.batch_delay_us == 0;
        let back = steps.iter().find(full).unwrap();
        assert!(back.at_ms <= 30_000.0, "{base}: {back:?}");
        assert_eq!(turns(&steps), 1, "{steps:?}");
    }
}

#[test]
fn a_step_tells_the_figures_that_led_to_it() {
    let mut control = Control::new(4, None);
    assert_eq!(control.take(&reading(0.5, 700.0)), None);
    let step = control.take(&reading(1.0, 700.0)).unwrap();
    assert_eq!((step.limit_before, step.limit, step.batch_delay_us), (4, 2, 1000));
    assert_eq!(step.reason, "clock 700 of 1400 MHz while busy");
    assert_eq!(step.figures.frequency_mhz, Some(700.0));
    assert_eq!(control.condition(), Condition::Throttled);
}

#[test]
fn a_load_that_throttles_again_each_time_does_not_swing() {
    let mut control = Control::new(8, None);
    // The device bears two inferences at once.
    let steps = run(&mut control, 240.0, |_, limit| if limit > 2 { 900.0 } else { MOST });
    let within = |from: f64, to: f64| -> Vec<Step> {
        let inside = |step: &&Step| (from * 1e3..to * 1e3).contains(&step.at_ms);
        steps.iter().filter(inside).cloned().collect()
    };
    assert!(turns(&within(0.0, 60.0)) <= 8, "{steps:?}");
    assert!(turns(&within(180.0, 240.0)) <= 2, "{steps:?}");
}

#[test]
fn heat_and_the_power_budget_count_too() {
    let mut control = Control::new(4, Some(5.0));
    let watts = |seconds: f64, joules: f64| Reading {
        energy_joules: Some(joules),
        ..reading(seconds, MOST)
    };
    assert_eq!(control.take(&watts(0.5, 0.0)), None);
    assert_eq!(control.take(&watts(1.0, 4.0)), None);
    let step = control.take(&watts(1.5, 8.0)).unwrap();
    assert_eq!(step.reason, "8.0 of 5.0 W");

    let mut control = Control::new(4, None);
    let hot = |seconds| Reading { temperature_celsius: Some(97.0), ..reading(seconds, MOST) };
    control.take(&hot(0.5));
    assert_eq!(control.take(&hot(1.0)).unwrap().reason, "97 °C");
}

#[test]
fn a_suspended_device_is_idle_and_not_throttled() {
    let mut control = Control::new(4, None);
    let idle = Reading { busy: false, ..reading(0.5, 0.0) };
    assert_eq!(control.take(&idle), None);
    assert_eq!(control.condition(), Condition::Idle);
}

#[test]
fn what_cannot_be_true_is_unknown() {
    let jump = reading(0.5, 50_000.0);
    let boiling =
        Reading { temperature_celsius: Some(255.0), frequency_mhz: None, ..reading(1.0, 0.0) };
    let mut control = Control::new(4, None);
    for reading in [jump, boiling] {
        assert_eq!(control.take(&reading), None);
        assert_eq!(control.condition(), Condition::Unknown);
    }
    // Energy that goes backwards is no power.
    let mut control = Control::new(4, Some(1.0));
    for (index, joules) in [100.0, 50.0, 0.0].into_iter().enumerate() {
        let seconds = (index + 1) as f64 / 2.0;
        let reading = Reading { energy_joules: Some(joules), ..reading(seconds, MOST) };
        assert_eq!(control.take(&reading), None);
        assert_eq!(control.figures().power_watts, None);
    }
}

#[test]
fn time_that_goes_backwards_is_ignored() {
    let mut control = Control::new(4, None);
    control.take(&reading(5.0, 700.0));
    assert_eq!(control.take(&reading(4.0, 700.0)), None);
    assert_eq!(control.take(&reading(5.0, 700.0)), None);
    assert_eq!(control.limit(), 4);
}

#[test]
fn telemetry_that_vanishes_leaves_things_as_they_are() {
    let mut control = Control::new(8, None);
    run(&mut control, 3.0, |_, _| 700.0);
    let limit = control.limit();
    assert!(limit < 8);
    for index in 0..100 {
        let gone = Reading { at: at(4.0 + f64::from(index)), busy: true, ..Reading::default() };
        assert_eq!(control.take(&gone), None);
        assert_eq!((control.limit(), control.condition()), (limit, Condition::Unknown));
    }
}

fn any_reading() -> impl Strategy<Value = (f64, bool, Option<f64>, Option<f64>, Option<f64>)> {
    let clock = prop::option::of(prop_oneof![0.0..3000.0, Just(f64::NAN), Just(-1.0)]);
    let heat = prop::option::of(-100.0..300.0);
    (0.0..2.0, any::<bool>(), clock, heat, prop::option::of(0.0..1e6))
}

proptest! {
    #[test]
    fn whatever_is_read_the_limit_stays_within_bounds_and_steps_are_apart(
        base in 1_usize..64,
        readings in prop::collection::vec(any_reading(), 1..200),
    ) {
        let mut control = Control::new(base, Some(10.0));
        let mut now = 0.0;
        let mut last: Option<Step> = None;
        for (pause, busy, clock, heat, joules) in readings {
            now += pause;
            let step = control.take(&Reading {
                at: at(now),
                busy,
                frequency_mhz: clock,
                max_frequency_mhz: Some(MOST),
                temperature_celsius: heat,
                energy_joules: joules,
            });
            prop_assert!((1..=base).contains(&control.limit()));
            prop_assert!(control.batch_delay() <= Duration::from_millis(8));
            if let Some(step) = step {
                if let Some(last) = last {
                    let same = is_down(&step) == is_down(&last);
                    prop_assert!(!same || step.at_ms - last.at_ms >= 999.0);
                }
                last = Some(step);
            }
        }
    }

    #[test]
    fn nothing_readable_changes_nothing(base in 1_usize..64, seconds in 1_u32..100) {
        let mut control = Control::new(base, Some(1.0));
        for second in 0..seconds {
            let blind = Reading { at: at(f64::from(second) + 1.0), busy: true, ..Reading::default() };
            prop_assert_eq!(control.take(&blind), None);
        }
        prop_assert_eq!(control.limit(), base);
        prop_assert_eq!(control.condition(), Condition::Unknown);
    }
}
