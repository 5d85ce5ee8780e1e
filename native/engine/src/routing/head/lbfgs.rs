//! Finds the minimum of a smooth convex function: limited-memory BFGS with a backtracking line search.
//!
//! Nocedal and Wright, "Numerical Optimization", algorithm 7.4. There is nothing random in it and every sum has a fixed
//! order, so the same function gives the same minimum to the last bit.

use std::collections::VecDeque;

/// Pairs of steps and changes of the gradient that stand for the curvature.
const MEMORY: usize = 8;
/// Part of the decrease that the slope promises and a step must give.
const SUFFICIENT: f64 = 1e-4;
const HALVINGS: usize = 30;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) iterations: usize,
    /// Largest element of a gradient that counts as none.
    pub(super) gradient: f32,
}

/// Minimises `function`, which gives its value at a point and writes its gradient there, from `point` on.
pub(super) fn minimise(
    mut point: Vec<f32>,
    limits: Limits,
    mut function: impl FnMut(&[f32], &mut [f32]) -> f64,
) -> Vec<f32> {
    let mut gradient = vec![0.0; point.len()];
    let mut value = function(&point, &mut gradient);
    let mut history: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);
    let mut next = vec![0.0; point.len()];
    let mut next_gradient = vec![0.0; point.len()];
    for _ in 0..limits.iterations {
        if gradient.iter().all(|slope| slope.abs() <= limits.gradient) {
            break;
        }
        let mut direction = descent(&gradient, &history);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            history.clear();
            direction = gradient.iter().map(|slope| -slope).collect();
            slope = dot(&direction, &gradient);
        }
        let mut step = if history.is_empty() { (1.0 / slope.abs().sqrt()).min(1.0) } else { 1.0 };
        let mut found = None;
        for _ in 0..HALVINGS {
            for ((next, point), direction) in next.iter_mut().zip(&point).zip(&direction) {
                *next = point + step as f32 * direction;
            }
            let next_value = function(&next, &mut next_gradient);
            if next_value <= value + SUFFICIENT * step * slope {
                found = Some(next_value);
                break;
            }
            step /= 2.0;
        }
        // No step helps any more: as good as the numbers allow.
        let Some(next_value) = found else { break };
        remember(&mut history, &point, &next, &gradient, &next_gradient);
        std::mem::swap(&mut point, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        value = next_value;
    }
    point
}

struct Pair {
    step: Vec<f32>,
    change: Vec<f32>,
    /// The inverse of their product.
    weight: f64,
}

fn remember(
    history: &mut VecDeque<Pair>,
    before: &[f32],
    after: &[f32],
    gradient_before: &[f32],
    gradient_after: &[f32],
) {
    let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a - b).collect();
    let step: Vec<f32> = difference(after, before);
    let change: Vec<f32> = difference(gradient_after, gradient_before);
    let product = dot(&step, &change);
    // Only a positive curvature keeps the directions going down.
    if product <= 1e-12 {
        return;
    }
    if history.len() == MEMORY {
        history.pop_front();
    }
    history.push_back(Pair { step, change, weight: 1.0 / product });
}

/// Minus the gradient times the approximated inverse of the second derivatives.
fn descent(gradient: &[f32], history: &VecDeque<Pair>) -> Vec<f32> {
    let mut direction: Vec<f32> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(history.len());
    for pair in history.iter().rev() {
        let share = pair.weight * dot(&pair.step, &direction);
        add(&mut direction, -share, &pair.change);
        shares.push(share);
    }
    if let Some(last) = history.back() {
        let scale = 1.0 / (last.weight * dot(&last.change, &last.change));
        for element in &mut direction {
            *element *= scale as f32;
        }
    }
    for (pair, share) in history.iter().zip(shares.into_iter().rev()) {
        let correction = share - pair.weight * dot(&pair.change, &direction);
        add(&mut direction, correction, &pair.step);
    }
    direction
}

fn add(to: &mut [f32], factor: f64, what: &[f32]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += factor as f32 * what;
    }
}

/// In blocks of f32, added up in f64: exact enough and quick.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let block = |(a, b): (&[f32], &[f32])| {
        let mut sums = [0.0_f32; 8];
        for (a, b) in a.chunks(8).zip(b.chunks(8)) {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum += a * b;
            }
        }
        f64::from(sums.iter().sum::<f32>())
    };
    a.chunks(1024).zip(b.chunks(1024)).map(block).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { iterations: 200, gradient: 1e-4 };

    #[test]
    fn a_narrow_valley_is_followed_to_its_bottom() {
        // 100 (y − 2)² + (x + 1)²
        let minimum = minimise(vec![5.0, -7.0], LIMITS, |at, gradient| {
            let (x, y) = (at[0] + 1.0, at[1] - 2.0);
            gradient.copy_from_slice(&[2.0 * x, 200.0 * y]);
            f64::from(100.0 * y * y + x * x)
        });
        assert!((minimum[0] + 1.0).abs() < 1e-3 && (minimum[1] - 2.0).abs() < 1e-3);
    }

    #[test]
    fn a_minimum_is_left_alone() {
        let stay = minimise(vec![0.0; 3], LIMITS, |_, gradient| {
            gradient.fill(0.0);
            1.0
        });
        assert_eq!(stay, [0.0; 3]);
    }
}
