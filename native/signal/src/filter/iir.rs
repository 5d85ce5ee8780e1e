//! Recursive filters from their analog prototypes, as second-order sections.
//!
//! The path is that of `scipy.signal.iirfilter`: prototype, band, bilinear transform, sections with each pole beside its
//! nearest zero. Prototypes after Parks and Burrus, "Digital Filter Design", 1987.

use std::f64::consts::PI;

use num_complex::Complex;

use super::elliptic;
use super::sections::{Section, pair};
use crate::fault::{Fault, Result};
use crate::parameters::{Parameters, out_of};

pub(super) type C = Complex<f64>;

/// Zeros, poles and gain.
#[derive(Debug, Clone)]
pub(super) struct Zpk {
    pub(super) z: Vec<C>,
    pub(super) p: Vec<C>,
    pub(super) k: f64,
}

/// Which prototype.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Butterworth,
    Chebyshev1,
    Chebyshev2,
    Elliptic,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Band {
    Low,
    High,
    Pass,
    Stop,
}

/// The highest order: sections of higher ones are worthless in float64.
const MAX_ORDER: usize = 64;

/// Reads and designs a filter.
pub(super) fn design(shape: Shape, parameters: &mut Parameters) -> Result<Vec<Section>> {
    let order = parameters
        .integer("N", 1, MAX_ORDER)?
        .ok_or_else(|| Fault::argument("parameters.N is missing: the order of the filter"))?;
    let ripple = |name: &'static str, parameters: &mut Parameters| -> Result<f64> {
        let value = parameters.number(name)?.ok_or_else(|| {
            Fault::argument(format!("parameters.{name} is missing: the ripple in decibels"))
        })?;
        if value > 0.0 { Ok(value) } else { Err(out_of(name, value, "must be above 0 decibels")) }
    };
    let passes = matches!(shape, Shape::Chebyshev1 | Shape::Elliptic);
    let stops = matches!(shape, Shape::Chebyshev2 | Shape::Elliptic);
    let rp = if passes { ripple("rp", parameters)? } else { 0.0 };
    let rs = if stops { ripple("rs", parameters)? } else { 0.0 };
    if shape == Shape::Elliptic && rs <= rp {
        return Err(out_of("rs", rs, &format!("must be above rp, which is {rp}")));
    }
    let prototype = match shape {
        Shape::Butterworth => butterworth(order),
        Shape::Chebyshev1 => chebyshev1(order, rp),
        Shape::Chebyshev2 => chebyshev2(order, rs),
        Shape::Elliptic => elliptic::prototype(order, rp, rs)?,
    };
    let (band, edges) = band(parameters)?;
    let analog = to_band(prototype, band, &edges);
    let digital = bilinear(analog);
    let sections = pair(digital);
    super::sections::refuse_unstable(&sections)?;
    Ok(sections)
}

/// The band with its edges relative to the Nyquist frequency.
fn band(parameters: &mut Parameters) -> Result<(Band, Vec<f64>)> {
    let fs = parameters.number("fs")?;
    if let Some(fs) = fs.filter(|fs| *fs <= 0.0) {
        return Err(out_of("fs", fs, "must be above 0"));
    }
    let nyquist = fs.unwrap_or(2.0) / 2.0;
    let edges = parameters.numbers("Wn")?.ok_or_else(|| {
        Fault::argument("parameters.Wn is missing: the cut-off, or the two edges of the band")
    })?;
    for edge in &edges {
        if *edge <= 0.0 || *edge >= nyquist {
            return Err(out_of(
                "Wn",
                edge,
                &format!("must be above 0 and below {nyquist}, the Nyquist frequency"),
            ));
        }
    }
    let default = if edges.len() == 2 { Band::Pass } else { Band::Low };
    let bands = [
        ("lowpass", Band::Low),
        ("low", Band::Low),
        ("highpass", Band::High),
        ("high", Band::High),
        ("bandpass", Band::Pass),
        ("band", Band::Pass),
        ("bandstop", Band::Stop),
        ("stop", Band::Stop),
    ];
    let band = parameters.choice("btype", &bands, default)?;
    let wanted = if matches!(band, Band::Low | Band::High) { 1 } else { 2 };
    if edges.len() != wanted {
        return Err(Fault::argument(format!(
            "parameters.Wn has {} numbers, parameters.btype wants {wanted}",
            edges.len()
        )));
    }
    if wanted == 2 && edges[0] >= edges[1] {
        return Err(Fault::argument(format!(
            "parameters.Wn is [{}, {}]: the lower edge comes first",
            edges[0], edges[1]
        )));
    }
    Ok((band, edges.iter().map(|edge| edge / nyquist).collect()))
}

/// -order+1, -order+3, … order-1.
fn odd_steps(order: usize) -> impl Iterator<Item = f64> {
    #[allow(clippy::cast_precision_loss)]
    let order = order as f64;
    std::iter::successors(Some(1.0 - order), |m| Some(m + 2.0)).take_while(move |m| *m < order)
}

fn butterworth(order: usize) -> Zpk {
    #[allow(clippy::cast_precision_loss)]
    let n = order as f64;
    let p = odd_steps(order).map(|m| -(C::i() * PI * m / (2.0 * n)).exp()).collect();
    Zpk { z: Vec::new(), p, k: 1.0 }
}

#[allow(clippy::cast_precision_loss)]
fn chebyshev1(order: usize, rp: f64) -> Zpk {
    let n = order as f64;
    let ripple = (10f64.powf(0.1 * rp) - 1.0).sqrt();
    let mu = (1.0 / ripple).asinh() / n;
    let p: Vec<C> = odd_steps(order).map(|m| -C::new(mu, PI * m / (2.0 * n)).sinh()).collect();
    let mut k = p.iter().map(|pole| -pole).product::<C>().re;
    if order.is_multiple_of(2) {
        k /= (1.0 + ripple * ripple).sqrt();
    }
    Zpk { z: Vec::new(), p, k }
}

#[allow(clippy::cast_precision_loss)]
fn chebyshev2(order: usize, rs: f64) -> Zpk {
    let n = order as f64;
    let de = 1.0 / (10f64.powf(0.1 * rs) - 1.0).sqrt();
    let mu = (1.0 / de).asinh() / n;
    let z: Vec<C> = odd_steps(order)
        .filter(|m| *m != 0.0)
        .map(|m| -(C::i() / (m * PI / (2.0 * n)).sin()).conj())
        .collect();
    let p: Vec<C> = odd_steps(order)
        .map(|m| {
            let unit = -(C::i() * PI * m / (2.0 * n)).exp();
            1.0 / C::new(mu.sinh() * unit.re, mu.cosh() * unit.im)
        })
        .collect();
    let k =
        (p.iter().map(|pole| -pole).product::<C>() / z.iter().map(|zero| -zero).product::<C>()).re;
    Zpk { z, p, k }
}

/// The prototype moved to its band, edges already warped for the bilinear transform.
fn to_band(zpk: Zpk, band: Band, edges: &[f64]) -> Zpk {
    let warped: Vec<f64> = edges.iter().map(|edge| 4.0 * (PI * edge / 2.0).tan()).collect();
    let degree = zpk.p.len() - zpk.z.len();
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
    let power = degree as i32;
    let ratio = |zpk: &Zpk| {
        let product = |roots: &[C]| roots.iter().map(|root| -root).product::<C>();
        (product(&zpk.z) / product(&zpk.p)).re
    };
    match band {
        Band::Low => {
            let wo = warped[0];
            let moved = |roots: &[C]| roots.iter().map(|root| root * wo).collect();
            Zpk { z: moved(&zpk.z), p: moved(&zpk.p), k: zpk.k * wo.powi(power) }
        }
        Band::High => {
            let wo = warped[0];
            let moved = |roots: &[C]| roots.iter().map(|root| wo / root).collect::<Vec<_>>();
            let mut z = moved(&zpk.z);
            z.resize(zpk.p.len(), C::default());
            Zpk { z, p: moved(&zpk.p), k: zpk.k * ratio(&zpk) }
        }
        Band::Pass | Band::Stop => {
            let (bw, wo) = (warped[1] - warped[0], (warped[0] * warped[1]).sqrt());
            let stop = band == Band::Stop;
            let moved = |roots: &[C]| {
                let centre = |root: &C| if stop { (bw / 2.0) / root } else { root * (bw / 2.0) };
                let side = |sign: f64| {
                    roots.iter().map(move |root| {
                        let centre = centre(root);
                        centre + (centre * centre - wo * wo).sqrt() * sign
                    })
                };
                side(1.0).chain(side(-1.0)).collect::<Vec<C>>()
            };
            let (mut z, p) = (moved(&zpk.z), moved(&zpk.p));
            if stop {
                z.extend(std::iter::repeat_n(C::new(0.0, wo), degree));
                z.extend(std::iter::repeat_n(C::new(0.0, -wo), degree));
                Zpk { z, p, k: zpk.k * ratio(&zpk) }
            } else {
                z.extend(std::iter::repeat_n(C::default(), degree));
                Zpk { z, p, k: zpk.k * bw.powi(power) }
            }
        }
    }
}

/// Analog to digital at a sampling rate of 2.
fn bilinear(zpk: Zpk) -> Zpk {
    let fs2 = 4.0;
    let moved =
        |roots: &[C]| roots.iter().map(|root| (fs2 + root) / (fs2 - root)).collect::<Vec<C>>();
    let product = |roots: &[C]| roots.iter().map(|root| fs2 - root).product::<C>();
    let k = zpk.k * (product(&zpk.z) / product(&zpk.p)).re;
    let (mut z, p) = (moved(&zpk.z), moved(&zpk.p));
    z.resize(p.len(), C::new(-1.0, 0.0));
    Zpk { z, p, k }
}
