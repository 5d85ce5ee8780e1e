//! Second-order sections: made from zeros and poles, checked, and run.

use num_complex::Complex;

use super::iir::{C, Zpk};
use crate::fault::{Fault, Result};
use crate::real::Real;

/// b0 b1 b2 a0 a1 a2, with a0 = 1.
pub type Section = [f64; 6];

/// How far outside the unit circle rounding may put a pole that lies on it.
const ON_CIRCLE: f64 = 1e-10;

/// Pairs poles with their nearest zeros, the pole closest to the unit circle last (scipy's `zpk2sos`, "nearest").
pub(super) fn pair(mut zpk: Zpk) -> Vec<Section> {
    if zpk.p.is_empty() {
        return vec![[zpk.k, 0.0, 0.0, 1.0, 0.0, 0.0]];
    }
    if !zpk.p.len().is_multiple_of(2) {
        zpk.p.push(C::default());
        zpk.z.push(C::default());
    }
    let (mut z, mut p) = (halves(zpk.z), halves(zpk.p));
    let mut sections = Vec::new();
    while !p.is_empty() {
        sections.push(next_section(&mut z, &mut p));
    }
    sections.reverse();
    sections[0][..3].iter_mut().for_each(|b| *b *= zpk.k);
    sections
}

fn is_real(root: &C) -> bool {
    root.im == 0.0
}

fn next_section(z: &mut Vec<C>, p: &mut Vec<C>) -> Section {
    let worst = |p: &[C], of: &dyn Fn(&C) -> bool| {
        let candidates = (0..p.len()).filter(|at| of(&p[*at]));
        let distance = |at: &usize| (1.0 - p[*at].norm()).abs();
        candidates.min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("there is a pole")
    };
    let p1 = p.remove(worst(p, &|_| true));
    let reals = |roots: &[C]| roots.iter().filter(|root| is_real(root)).count();
    if is_real(&p1) && reals(p) == 0 {
        let z1 = take_nearest(z, p1, Some(true));
        return section([z1, C::default()], [p1, C::default()]);
    }
    if p.len() + 1 == z.len() && !is_real(&p1) && reals(p) == 1 && reals(z) == 1 {
        let z1 = take_nearest(z, p1, Some(false));
        return section([z1, z1.conj()], [p1, p1.conj()]);
    }
    let p2 = if is_real(&p1) { p.remove(worst(p, &is_real)) } else { p1.conj() };
    let z1 = take_nearest(z, p1, None);
    let z2 = if is_real(&z1) { take_nearest(z, p1, Some(true)) } else { z1.conj() };
    section([z1, z2], [p1, p2])
}

fn take_nearest(z: &mut Vec<C>, to: C, real: Option<bool>) -> C {
    let candidates = (0..z.len()).filter(|at| real.is_none_or(|real| is_real(&z[*at]) == real));
    let distance = |at: &usize| (to - z[*at]).norm();
    let nearest = candidates.min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.map_or_else(C::default, |at| z.remove(at))
}

fn section(z: [C; 2], p: [C; 2]) -> Section {
    [1.0, -(z[0] + z[1]).re, (z[0] * z[1]).re, 1.0, -(p[0] + p[1]).re, (p[0] * p[1]).re]
}

/// One of each conjugate pair, by real part, then the real roots.
fn halves(mut roots: Vec<C>) -> Vec<C> {
    let tolerance = 100.0 * f64::EPSILON;
    roots.sort_by(|a, b| a.re.total_cmp(&b.re).then(a.im.abs().total_cmp(&b.im.abs())));
    let real = |root: &C| root.im.abs() <= tolerance * root.norm();
    let reals: Vec<C> =
        roots.iter().filter(|root| real(root)).map(|root| C::new(root.re, 0.0)).collect();
    let upper = roots.iter().filter(|root| !real(root) && root.im > 0.0);
    let lower: Vec<C> = roots.iter().filter(|root| !real(root) && root.im < 0.0).copied().collect();
    let mut pairs: Vec<C> = upper
        .map(|root| {
            let mirrored = lower
                .iter()
                .min_by(|a, b| (a.conj() - root).norm().total_cmp(&(b.conj() - root).norm()));
            mirrored.map_or(*root, |other| (root + other.conj()) / 2.0)
        })
        .collect();
    // Runs of the same real part are in order of their imaginary parts.
    let mut start = 0;
    for at in 1..=pairs.len() {
        let run =
            at < pairs.len() && pairs[at].re - pairs[at - 1].re <= tolerance * pairs[at - 1].norm();
        if !run {
            pairs[start..at].sort_by(|a, b| a.im.abs().total_cmp(&b.im.abs()));
            start = at;
        }
    }
    pairs.extend(reals);
    pairs
}

/// The two poles of a section.
fn poles(section: &Section) -> [C; 2] {
    let (a1, a2) = (section[4], section[5]);
    let root = C::new(a1 * a1 - 4.0 * a2, 0.0).sqrt();
    [(-a1 + root) / 2.0, (-a1 - root) / 2.0]
}

/// Refuses sections with poles outside the unit circle.
pub(super) fn refuse_unstable(sections: &[Section]) -> Result<()> {
    refuse_poles(&sections.iter().flat_map(poles).collect::<Vec<_>>(), ON_CIRCLE)
}

/// Refuses poles outside the unit circle by more than `slack`, and names them.
pub(super) fn refuse_poles(poles: &[Complex<f64>], slack: f64) -> Result<()> {
    let outside: Vec<String> = poles
        .iter()
        .filter(|pole| pole.norm() > 1.0 + slack)
        .map(|pole| format!("{:.6}{:+.6}j (|p| = {:.6})", pole.re, pole.im, pole.norm()))
        .collect();
    if outside.is_empty() {
        return Ok(());
    }
    Err(Fault::argument(format!(
        "the filter is unstable: poles outside the unit circle at {}",
        outside.join(", ")
    ))
    .suggest("use a lower order or a wider band, or give second-order sections instead of b and a"))
}

/// Sections with their state: two values each.
#[derive(Debug, Clone)]
pub struct SosFilter<T: Real> {
    sections: Vec<[T; 5]>,
    state: Vec<[T; 2]>,
}

impl<T: Real> SosFilter<T> {
    /// A filter at rest.
    #[must_use]
    pub fn new(sections: &[Section]) -> Self {
        let sections: Vec<[T; 5]> =
            sections.iter().map(|s| [s[0], s[1], s[2], s[4], s[5]].map(T::of)).collect();
        let state = vec![[T::zero(); 2]; sections.len()];
        Self { sections, state }
    }

    /// Begins in the steady state of a constant input of `value`.
    pub(super) fn settle(&mut self, steady: &[[f64; 2]], value: T) {
        for (state, steady) in self.state.iter_mut().zip(steady) {
            *state = steady.map(|s| T::of(s) * value);
        }
    }

    /// The next samples, in place. Allocates nothing.
    pub fn process(&mut self, samples: &mut [T]) {
        let mut at = 0;
        while at < self.sections.len() {
            // Four sections at once keep their state in registers.
            let taken = match self.sections.len() - at {
                1 => self.pass::<1>(at, samples),
                2 => self.pass::<2>(at, samples),
                3 => self.pass::<3>(at, samples),
                5 => self.pass::<5>(at, samples),
                _ => self.pass::<4>(at, samples),
            };
            at += taken;
        }
    }

    fn pass<const N: usize>(&mut self, at: usize, samples: &mut [T]) -> usize {
        let sections: [[T; 5]; N] = self.sections[at..at + N].try_into().expect("as many as taken");
        let state: [[T; 2]; N] = self.state[at..at + N].try_into().expect("as many as taken");
        let mut cascade = Cascade::new(&sections, &state);
        cascade.process(samples);
        for (kept, section) in self.state[at..at + N].iter_mut().zip(0..) {
            *kept = [cascade.near[section], cascade.far[section]];
        }
        N
    }
}

/// Sections in a row, each a sample behind the one before it, so that none waits for another: at step t the first takes
/// sample t and the last gives sample t - (N - 1). Coefficients lie side by side for vector instructions.
struct Cascade<T, const N: usize> {
    b: [[T; N]; 3],
    a: [[T; N]; 2],
    near: [T; N],
    far: [T; N],
    /// What each section takes next.
    inputs: [T; N],
}

impl<T: Real, const N: usize> Cascade<T, N> {
    fn new(sections: &[[T; 5]; N], state: &[[T; 2]; N]) -> Self {
        let all = |coefficient: usize| sections.map(|section| section[coefficient]);
        Self {
            b: [all(0), all(1), all(2)],
            a: [all(3), all(4)],
            near: state.map(|[near, _]| near),
            far: state.map(|[_, far]| far),
            inputs: [T::zero(); N],
        }
    }

    fn process(&mut self, samples: &mut [T]) {
        let length = samples.len();
        // The first samples have not reached the last sections, the last ones have left the first.
        for step in 0..N - 1 {
            self.some(step, length, samples);
        }
        for step in N - 1..length {
            self.inputs[0] = samples[step];
            samples[step + 1 - N] = self.all();
        }
        for step in length.max(N - 1)..length + N - 1 {
            self.some(step, length, samples);
        }
    }

    /// A step of all sections; gives what comes out.
    #[inline(always)]
    fn all(&mut self) -> T {
        let (x, mut y) = (self.inputs, [T::zero(); N]);
        for at in 0..N {
            y[at] = self.b[0][at] * x[at] + self.near[at];
        }
        for at in 0..N {
            self.near[at] = (self.b[1][at] * x[at] + self.far[at]) - self.a[0][at] * y[at];
        }
        for at in 0..N {
            self.far[at] = self.b[2][at] * x[at] - self.a[1][at] * y[at];
        }
        self.inputs[1..].copy_from_slice(&y[..N - 1]);
        y[N - 1]
    }

    /// A step of those sections that have a sample to take.
    fn some(&mut self, step: usize, length: usize, samples: &mut [T]) {
        if step < length {
            self.inputs[0] = samples[step];
        }
        for at in ((step + 1).saturating_sub(length)..N.min(step + 1)).rev() {
            let x = self.inputs[at];
            let y = self.b[0][at] * x + self.near[at];
            self.near[at] = (self.b[1][at] * x + self.far[at]) - self.a[0][at] * y;
            self.far[at] = self.b[2][at] * x - self.a[1][at] * y;
            match self.inputs.get_mut(at + 1) {
                Some(next) => *next = y,
                None => samples[step + 1 - N] = y,
            }
        }
    }
}

/// The state of each section in which a constant input of 1 gives a constant output.
pub(super) fn steady(sections: &[Section]) -> Vec<[f64; 2]> {
    let mut scale = 1.0;
    sections
        .iter()
        .map(|s| {
            let first = (s[1] - s[4] * s[0] + s[2] - s[5] * s[0]) / (1.0 + s[4] + s[5]);
            let second = (1.0 + s[4]) * first - (s[1] - s[4] * s[0]);
            let state = [first * scale, second * scale];
            scale *= (s[0] + s[1] + s[2]) / (1.0 + s[4] + s[5]);
            state
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One section after the other, sample by sample.
    fn plainly(sections: &[Section], samples: &mut [f64]) {
        for s in sections {
            let (mut near, mut far) = (0.0, 0.0);
            for sample in &mut *samples {
                let (x, y) = (*sample, s[0] * *sample + near);
                near = (s[1] * x + far) - s[4] * y;
                far = s[2] * x - s[5] * y;
                *sample = y;
            }
        }
    }

    #[test]
    fn sections_side_by_side_give_bitwise_what_one_after_the_other_gives() {
        let section = |at: u32| {
            let part = f64::from(at) / 16.0;
            [0.3 + part, 0.1 - part, 0.2, 1.0, -0.5 + part, 0.1 + part / 2.0]
        };
        for count in 1..=9 {
            let sections: Vec<Section> = (0..count).map(section).collect();
            for length in (0..12).chain([100]) {
                let mut expected: Vec<f64> =
                    (0..3 * length).map(|at| f64::from(at).sin()).collect();
                let mut samples = expected.clone();
                plainly(&sections, &mut expected);
                let mut filter = SosFilter::new(&sections);
                // In blocks, of which each goes on where the one before ended.
                for block in samples.chunks_mut(usize::try_from(length).unwrap().max(1)) {
                    filter.process(block);
                }
                assert_eq!(samples, expected, "{count} sections, blocks of {length}");
            }
        }
    }
}
