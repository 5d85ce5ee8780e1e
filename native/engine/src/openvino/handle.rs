//! The noise that owning a pointer of the C API takes.

/// Defines a struct that owns one pointer and frees it when dropped, with `own` to take a new pointer over and `raw`
/// to lend it to the C API.
macro_rules! handle {
    (
        $(#[$doc:meta])*
        $visibility:vis struct $name:ident($raw:ty) freed by $free:ident;
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        $visibility struct $name(std::ptr::NonNull<$raw>);

        impl $name {
            /// Takes over what `function` gave out; the C API never says OK and gives null, but that is not ours to trust.
            pub(super) fn own(raw: *mut $raw, function: &str) -> $crate::error::Result<Self> {
                std::ptr::NonNull::new(raw).map(Self).ok_or_else(|| {
                    $crate::error::Error::new(
                        $crate::error::ErrorCode::Internal,
                        format!("{function} succeeded without giving anything"),
                    )
                })
            }

            /// Lends the pointer to a call of the C API.
            pub(super) fn raw(&self) -> *mut $raw {
                self.0.as_ptr()
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the pointer came from the C API, is owned by this value alone and freed only here.
                unsafe { $crate::openvino::ffi::$free(self.0.as_ptr()) }
            }
        }
    };
}

pub(super) use handle;
