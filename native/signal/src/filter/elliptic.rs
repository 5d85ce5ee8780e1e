//! The elliptic prototype.
//!
//! Source: Orfanidis, "Lecture Notes on Elliptic Filter Design", 2006; elliptic functions by the arithmetic-geometric
//! mean, Abramowitz and Stegun, chapters 16 and 17.

use std::f64::consts::PI;

use super::iir::{C, Zpk};
use crate::fault::{Fault, Result};

/// The complete elliptic integral of the first kind for the parameter whose complement is `m1`.
fn complete(m1: f64) -> f64 {
    let (mut a, mut b) = (1.0, m1.sqrt());
    while (a - b).abs() > 1e-16 * a {
        (a, b) = (f64::midpoint(a, b), (a * b).sqrt());
    }
    PI / (2.0 * a)
}

/// Jacobi's sn, cn and dn of `u` for the parameter `m`.
fn jacobi(u: f64, m: f64) -> (f64, f64, f64) {
    if m < 1e-9 {
        let (s, c) = u.sin_cos();
        let bend = 0.25 * m * (u - s * c);
        return (s - bend * c, c + bend * s, 1.0 - 0.5 * m * s * s);
    }
    if m >= 1.0 - 1e-10 {
        let m1 = 1.0 - m;
        let (t, d) = (u.tanh(), 1.0 / u.cosh());
        let bend = 0.25 * m1 * (u.sinh() * u.cosh() - u);
        let twice = 0.25 * m1 * (u.sinh() * u.cosh() + u);
        return (t + bend * d * d, d - bend * t * d, d + twice * t * d);
    }
    let (mut a, mut c) = (vec![1.0], vec![m.sqrt()]);
    let (mut b, mut twos) = ((1.0 - m).sqrt(), 1.0);
    while (c[c.len() - 1] / a[a.len() - 1]).abs() > f64::EPSILON && a.len() < 12 {
        let last = a[a.len() - 1];
        c.push((last - b) / 2.0);
        a.push(f64::midpoint(last, b));
        b = (last * b).sqrt();
        twos *= 2.0;
    }
    let mut phi = twos * a[a.len() - 1] * u;
    let mut before = phi;
    for level in (1..a.len()).rev() {
        before = phi;
        phi = f64::midpoint((c[level] * phi.sin() / a[level]).asin(), phi);
    }
    let (s, cn) = phi.sin_cos();
    let turned = (before - phi).cos();
    let dn = if turned.abs() < 0.1 { (1.0 - m * s * s).sqrt() } else { cn / turned };
    (s, cn, dn)
}

/// The parameter whose nome is the n-th root of that of `m1`.
fn degree(n: f64, m1: f64) -> f64 {
    let nome = (-PI * complete(m1) / complete(1.0 - m1)).exp();
    let q = nome.powf(1.0 / n);
    let numerator: f64 = (0..8).map(|k| q.powi(k * (k + 1))).sum();
    let denominator: f64 = 1.0 + 2.0 * (1..9).map(|k| q.powi(k * k)).sum::<f64>();
    16.0 * q * (numerator / denominator).powi(4)
}

/// The inverse of sn / cn for the complementary parameter, by descending Landen transformations.
fn arc_sc(w: f64, m: f64) -> f64 {
    let complement = |kx: C| ((1.0 - kx) * (1.0 + kx)).sqrt();
    let mut moduli = vec![m.sqrt()];
    while let Some(last) = moduli.last().copied().filter(|last| *last != 0.0) {
        let kp = ((1.0 - last) * (1.0 + last)).sqrt();
        // 1 - kp without cancellation.
        moduli.push(last * last / ((1.0 + kp) * (1.0 + kp)));
        if moduli.len() > 12 {
            break;
        }
    }
    let quarter = moduli[1..].iter().map(|k| 1.0 + k).product::<f64>() * PI / 2.0;
    let mut wn = C::new(0.0, w);
    for pair in moduli.windows(2) {
        wn = 2.0 * wn / ((1.0 + pair[1]) * (1.0 + complement(pair[0] * wn)));
    }
    (quarter * 2.0 / PI * wn.asin()).im
}

/// Zeros, poles and gain for ripples in decibels.
pub(super) fn prototype(order: usize, rp: f64, rs: f64) -> Result<Zpk> {
    #[allow(clippy::cast_precision_loss)]
    let n = order as f64;
    let minus_one = |decibels: f64| (0.1 * decibels * std::f64::consts::LN_10).exp_m1();
    let eps_sq = minus_one(rp);
    if order == 1 {
        let p = -(1.0 / eps_sq).sqrt();
        return Ok(Zpk { z: Vec::new(), p: vec![C::new(p, 0.0)], k: -p });
    }
    let ck1_sq = eps_sq / minus_one(rs);
    if ck1_sq == 0.0 {
        return Err(Fault::argument(format!(
            "parameters.rp is {rp} and parameters.rs is {rs}: no filter in float64 is as steep as that"
        )));
    }
    let m = degree(n, ck1_sq);
    let quarter = complete(1.0 - m);
    let v0 = quarter * arc_sc(1.0 / eps_sq.sqrt(), ck1_sq) / (n * complete(1.0 - ck1_sq));
    let (sv, cv, dv) = jacobi(v0, 1.0 - m);
    let (mut z, mut p) = (Vec::new(), Vec::new());
    let mut j = f64::from(u8::from(order.is_multiple_of(2)));
    while j < n {
        let (s, c, d) = jacobi(j * quarter / n, m);
        if s.abs() > f64::EPSILON {
            z.push(C::new(0.0, 1.0 / (m.sqrt() * s)));
        }
        p.push(-C::new(c * d * sv * cv, s * dv) / (1.0 - (d * sv).powi(2)));
        j += 2.0;
    }
    let size = p.iter().map(C::norm_sqr).sum::<f64>().sqrt();
    z.extend(z.clone().iter().map(C::conj));
    let paired: Vec<C> = p
        .iter()
        .filter(|pole| order.is_multiple_of(2) || pole.im.abs() > f64::EPSILON * size)
        .map(C::conj)
        .collect();
    p.extend(paired);
    let product = |roots: &[C]| roots.iter().map(|root| -root).product::<C>();
    let mut k = (product(&p) / product(&z)).re;
    if order.is_multiple_of(2) {
        k /= (1.0 + eps_sq).sqrt();
    }
    Ok(Zpk { z, p, k })
}
