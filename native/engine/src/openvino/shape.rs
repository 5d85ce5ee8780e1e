//! Shapes that may leave dimensions, or even their number, open.

use super::ffi::{self, ov_dimension_t, ov_partial_shape_t, ov_rank_t, ov_shape_t};
use super::status::check;
use crate::error::{Error, ErrorCode, Result};
use std::fmt;
use std::ptr;

/// The inclusive bounds of one dimension; `max` is `None` where there is no upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dimension {
    /// Least size.
    pub min: usize,
    /// Greatest size, `None` for unbounded.
    pub max: Option<usize>,
}

impl Dimension {
    /// A dimension of exactly this size.
    #[must_use]
    pub const fn fixed(size: usize) -> Self {
        Self { min: size, max: Some(size) }
    }

    /// The size, when there is only one.
    #[must_use]
    pub fn size(self) -> Option<usize> {
        self.max.filter(|&max| max == self.min)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, Some(max)) if min == max => write!(f, "{min}"),
            (0, None) => f.write_str("?"),
            (min, None) => write!(f, "{min}.."),
            (min, Some(max)) => write!(f, "{min}..{max}"),
        }
    }
}

/// A shape as a model states it. `dimensions` is `None` when even the number of dimensions is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartialShape {
    /// The dimensions, outermost first.
    pub dimensions: Option<Vec<Dimension>>,
}

impl PartialShape {
    /// A shape without open dimensions.
    #[must_use]
    pub fn fixed(shape: &[usize]) -> Self {
        Self { dimensions: Some(shape.iter().copied().map(Dimension::fixed).collect()) }
    }

    /// Whether every dimension has exactly one size.
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.dimensions.as_ref().is_some_and(|all| all.iter().all(|d| d.size().is_some()))
    }

    /// The sizes, when every dimension has exactly one.
    #[must_use]
    pub fn to_static(&self) -> Option<Vec<usize>> {
        self.dimensions.as_ref()?.iter().map(|d| d.size()).collect()
    }

    /// The sizes with -1 for those that are open, as the Open Inference Protocol writes them; `[-1]` when even their
    /// number is open.
    #[must_use]
    pub fn to_signed(&self) -> Vec<i64> {
        let signed = |dimension: &Dimension| {
            dimension.size().and_then(|size| i64::try_from(size).ok()).unwrap_or(-1)
        };
        self.dimensions.as_ref().map_or_else(|| vec![-1], |all| all.iter().map(signed).collect())
    }

    /// The number of dimensions, when it is known.
    #[must_use]
    pub fn rank(&self) -> Option<usize> {
        self.dimensions.as_ref().map(Vec::len)
    }

    /// Whether a tensor of this shape fits.
    #[must_use]
    pub fn accepts(&self, shape: &[usize]) -> bool {
        self.dimensions.as_ref().is_none_or(|all| {
            all.len() == shape.len()
                && all.iter().zip(shape).all(|(dimension, &size)| {
                    size >= dimension.min && dimension.max.is_none_or(|max| size <= max)
                })
        })
    }

    /// Copies and frees a shape of the C API.
    ///
    /// # Safety
    /// `shape` was filled by the C API and is not used afterwards.
    pub(super) unsafe fn take(mut shape: ov_partial_shape_t) -> Self {
        let open_rank = shape.rank.min != shape.rank.max || shape.rank.min < 0;
        let dimensions = (!open_rank).then(|| {
            let rank = usize::try_from(shape.rank.min).unwrap_or(0);
            if rank == 0 || shape.dims.is_null() {
                return Vec::new();
            }
            // SAFETY: the C API allocated `rank` dimensions behind `dims`.
            let all = unsafe { std::slice::from_raw_parts(shape.dims, rank) };
            all.iter().map(|&d| from_c(d)).collect()
        });
        // SAFETY: filled by the C API, as the caller promises, and freed once.
        unsafe { ffi::ov_partial_shape_free(&raw mut shape) };
        Self { dimensions }
    }
}

impl fmt::Display for PartialShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(dimensions) = &self.dimensions else {
            return f.write_str("[...]");
        };
        f.write_str("[")?;
        for (index, dimension) in dimensions.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{dimension}")?;
        }
        f.write_str("]")
    }
}

/// The C API says -1 for "no upper bound"; some versions say the greatest 64-bit number.
fn from_c(dimension: ov_dimension_t) -> Dimension {
    Dimension {
        min: usize::try_from(dimension.min).unwrap_or(0),
        max: usize::try_from(dimension.max).ok().filter(|_| dimension.max != i64::MAX),
    }
}

/// An empty shape for the C API to fill.
pub(super) const fn empty_partial() -> ov_partial_shape_t {
    ov_partial_shape_t { rank: ov_rank_t { min: 0, max: 0 }, dims: ptr::null_mut() }
}

/// A partial shape that the C API owns, freed with this value.
pub(super) struct OwnedPartialShape(pub(super) ov_partial_shape_t);

impl OwnedPartialShape {
    /// From sizes, where a negative size leaves that dimension open.
    pub(super) fn new(sizes: &[i64]) -> Result<Self> {
        let dimensions: Vec<ov_dimension_t> = sizes
            .iter()
            .map(|&size| match size {
                ..0 => ov_dimension_t { min: 0, max: -1 },
                size => ov_dimension_t { min: size, max: size },
            })
            .collect();
        let mut shape = empty_partial();
        let rank = to_signed(dimensions.len())?;
        // SAFETY: `dimensions` holds `rank` elements and `shape` is ours to fill.
        let status =
            unsafe { ffi::ov_partial_shape_create(rank, dimensions.as_ptr(), &raw mut shape) };
        check(status, || format!("cannot make a shape of {sizes:?}"))?;
        Ok(Self(shape))
    }
}

impl Drop for OwnedPartialShape {
    fn drop(&mut self) {
        // SAFETY: made by ov_partial_shape_create and freed only here.
        unsafe { ffi::ov_partial_shape_free(&raw mut self.0) };
    }
}

/// Sizes in the 64-bit signed form of the C API.
pub(super) fn to_c_sizes(shape: &[usize]) -> Result<Vec<i64>> {
    shape.iter().map(|&size| to_signed(size)).collect()
}

fn to_signed(size: usize) -> Result<i64> {
    i64::try_from(size).map_err(|_| {
        Error::new(ErrorCode::InvalidArgument, format!("size {size} is beyond 63 bits"))
    })
}

/// Copies and frees a static shape of the C API.
///
/// # Safety
/// `shape` was filled by the C API and is not used afterwards.
pub(super) unsafe fn take_static(mut shape: ov_shape_t) -> Vec<usize> {
    let rank = usize::try_from(shape.rank).unwrap_or(0);
    let sizes = if rank == 0 || shape.dims.is_null() {
        Vec::new()
    } else {
        // SAFETY: the C API allocated `rank` sizes behind `dims`.
        let all = unsafe { std::slice::from_raw_parts(shape.dims, rank) };
        all.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect()
    };
    // SAFETY: filled by the C API, as the caller promises, and freed once.
    unsafe { ffi::ov_shape_free(&raw mut shape) };
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(dimensions: &[(usize, Option<usize>)]) -> PartialShape {
        let dimensions = dimensions.iter().map(|&(min, max)| Dimension { min, max }).collect();
        PartialShape { dimensions: Some(dimensions) }
    }

    #[test]
    fn shapes_print_open_dimensions_as_a_question_mark() {
        assert_eq!(PartialShape::fixed(&[1, 3]).to_string(), "[1,3]");
        assert_eq!(partial(&[(1, Some(1)), (0, None), (3, Some(3))]).to_string(), "[1,?,3]");
        assert_eq!(partial(&[(1, Some(8)), (2, None)]).to_string(), "[1..8,2..]");
        assert_eq!(PartialShape { dimensions: None }.to_string(), "[...]");
        assert_eq!(PartialShape::fixed(&[]).to_string(), "[]");
    }

    #[test]
    fn only_single_sizes_are_static() {
        assert_eq!(PartialShape::fixed(&[2, 0]).to_static(), Some(vec![2, 0]));
        assert!(PartialShape::fixed(&[]).is_static());
        assert!(!partial(&[(1, Some(2))]).is_static());
        assert_eq!(PartialShape { dimensions: None }.to_static(), None);
    }

    #[test]
    fn bounds_decide_what_fits() {
        let shape = partial(&[(1, Some(8)), (0, None)]);
        assert!(shape.accepts(&[8, 1000]));
        assert!(!shape.accepts(&[9, 1]));
        assert!(!shape.accepts(&[0, 1]));
        assert!(!shape.accepts(&[1]));
        assert!(PartialShape { dimensions: None }.accepts(&[1, 2, 3]));
    }

    #[test]
    fn both_ways_of_saying_unbounded_are_understood() {
        let open = Dimension { min: 0, max: None };
        assert_eq!(from_c(ov_dimension_t { min: 0, max: -1 }), open);
        assert_eq!(from_c(ov_dimension_t { min: 0, max: i64::MAX }), open);
    }
}
