//! MATLAB's engine and matrix libraries: the functions that are needed, and safe types over them.
//!
//! Names and types are those of MathWorks' `engine.h` and `matrix.h`. The headers rename functions by the version of the
//! interface that a program is compiled for: `_800` since R2018a, where complex arrays are interleaved, `_730` since R2006b
//! for those that take sizes of 64 bits. Functions without such a name take sizes of 32 bits where there are both, so they
//! are taken for those only that never take any. All arrays here are real, for which both interfaces are the same.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use libloading::Library;
use npubridge_signal::Made;

use super::super::program::Matrix;
use super::find::SYSTEM;
use crate::error::{Error, ErrorCode, Result};
use crate::runtime::loader_text;

/// `mxDOUBLE_CLASS`, `mxSINGLE_CLASS` and `mxREAL` of matrix.h.
const DOUBLE: c_int = 6;
const SINGLE: c_int = 7;
const REAL: c_int = 0;
/// What MATLAB writes to its screen, as far as it is kept.
const OUTPUT: usize = 4096;

type Handle = *mut c_void;
type Array = *mut c_void;

/// The two libraries of one installation. Never unloaded: they keep threads of their own.
#[derive(Debug)]
pub(super) struct Libraries {
    pub(super) root: PathBuf,
    open: unsafe extern "C" fn(*const c_char) -> Handle,
    close: unsafe extern "C" fn(Handle) -> c_int,
    evaluate: unsafe extern "C" fn(Handle, *const c_char) -> c_int,
    put: unsafe extern "C" fn(Handle, *const c_char, *const c_void) -> c_int,
    get: unsafe extern "C" fn(Handle, *const c_char) -> Array,
    output: unsafe extern "C" fn(Handle, *mut c_char, c_int) -> c_int,
    create: unsafe extern "C" fn(usize, *const usize, c_int, c_int) -> Array,
    data: unsafe extern "C" fn(*const c_void) -> *mut c_void,
    count: unsafe extern "C" fn(*const c_void) -> usize,
    class: unsafe extern "C" fn(*const c_void) -> c_int,
    is_complex: unsafe extern "C" fn(*const c_void) -> bool,
    destroy: unsafe extern "C" fn(Array),
    _libraries: [std::mem::ManuallyDrop<Library>; 2],
}

/// The functions of libmx by the interfaces that have them, newest first.
const INTERFACES: [[&str; 6]; 2] = [
    [
        "mxCreateNumericArray_800",
        "mxGetData_800",
        "mxGetNumberOfElements_800",
        "mxGetClassID_800",
        "mxIsComplex_800",
        "mxDestroyArray_800",
    ],
    [
        "mxCreateNumericArray_730",
        "mxGetData",
        "mxGetNumberOfElements",
        "mxGetClassID",
        "mxIsComplex",
        "mxDestroyArray",
    ],
];

impl Libraries {
    /// Loads the libraries of the installation in `root`.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(super) fn load(root: &Path) -> std::result::Result<Self, String> {
        let folder = root.join("bin").join(SYSTEM);
        let matrices = load(&folder, "mx")?;
        let engine = load(&folder, "eng")?;
        let names = INTERFACES.iter().find(|names| names.iter().all(|name| has(&matrices, name)));
        let Some([create, data, count, class, is_complex, destroy]) = names else {
            let missing = INTERFACES[1].iter().find(|name| !has(&matrices, name));
            return Err(too_old("libmx", missing.copied().unwrap_or_default()));
        };
        // SAFETY: the functions of these names have these types in MathWorks' engine.h and matrix.h.
        unsafe {
            Ok(Self {
                root: root.to_owned(),
                open: function(&engine, "engOpen")?,
                close: function(&engine, "engClose")?,
                evaluate: function(&engine, "engEvalString")?,
                put: function(&engine, "engPutVariable")?,
                get: function(&engine, "engGetVariable")?,
                output: function(&engine, "engOutputBuffer")?,
                create: function(&matrices, create)?,
                data: function(&matrices, data)?,
                count: function(&matrices, count)?,
                class: function(&matrices, class)?,
                is_complex: function(&matrices, is_complex)?,
                destroy: function(&matrices, destroy)?,
                _libraries: [matrices, engine].map(std::mem::ManuallyDrop::new),
            })
        }
    }
}

fn load(folder: &Path, name: &str) -> std::result::Result<Library, String> {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    // Windows names them like the others there.
    let prefix = if cfg!(windows) { "lib" } else { DLL_PREFIX };
    let file = folder.join(format!("{prefix}{name}{DLL_SUFFIX}"));
    if !file.is_file() {
        return Err(format!("no {}", file.display()));
    }
    // SAFETY: this runs the initialisers of a library of MATLAB, which the caller asked for.
    unsafe { Library::new(&file) }
        .map_err(|error| format!("{} cannot be loaded: {}", file.display(), loader_text(&error)))
}

fn has(library: &Library, name: &str) -> bool {
    // SAFETY: the address is looked at, and nothing is called.
    unsafe { library.get::<*const c_void>(name) }.is_ok()
}

/// # Safety
/// The function of that name has the type `T`, and is not called after the library is unloaded.
unsafe fn function<T: Copy>(library: &Library, name: &str) -> std::result::Result<T, String> {
    // SAFETY: as the caller promises.
    unsafe { library.get::<T>(name) }.map(|found| *found).map_err(|_| too_old("libeng", name))
}

fn too_old(library: &str, name: &str) -> String {
    format!("its {library} has no function {name}; MATLAB R2006b or later is needed")
}

/// A MATLAB that was started. It belongs to the thread that started it.
#[derive(Debug)]
pub(super) struct Session {
    libraries: &'static Libraries,
    engine: NonNull<c_void>,
    /// Written to by MATLAB's library until it is told another one, so it stays where it is.
    screen: Box<[u8; OUTPUT]>,
}

/// MATLAB is gone, or refuses to go on.
#[derive(Debug)]
pub(super) struct Gone;

impl Session {
    /// Starts MATLAB by `command`; by its own choice without one. None when it does not start.
    pub(super) fn open(libraries: &'static Libraries, command: Option<&CStr>) -> Option<Self> {
        let command = command.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: the command is null or a terminated string.
        let engine = NonNull::new(unsafe { (libraries.open)(command) })?;
        let mut screen = Box::new([0_u8; OUTPUT]);
        let length = c_int::try_from(OUTPUT - 1).unwrap_or(0);
        // SAFETY: the buffer has that length and lives until the engine is closed.
        unsafe { (libraries.output)(engine.as_ptr(), screen.as_mut_ptr().cast(), length) };
        Some(Self { libraries, engine, screen })
    }

    /// Evaluates statements. What goes wrong within them is no error here.
    pub(super) fn evaluate(&mut self, statements: &str) -> std::result::Result<(), Gone> {
        self.screen.fill(0);
        let text = CString::new(statements).map_err(|_| Gone)?;
        // SAFETY: the engine is open, the text is terminated.
        match unsafe { (self.libraries.evaluate)(self.engine.as_ptr(), text.as_ptr()) } {
            0 => Ok(()),
            _ => Err(Gone),
        }
    }

    /// What the last statements wrote to the screen.
    pub(super) fn screen(&self) -> String {
        let length = self.screen.iter().position(|byte| *byte == 0).unwrap_or(OUTPUT);
        String::from_utf8_lossy(&self.screen[..length]).trim().to_owned()
    }

    /// Sets a variable.
    pub(super) fn put(&mut self, name: &str, matrix: &Matrix) -> Result<()> {
        let (class, width) = if matrix.single { (SINGLE, 4) } else { (DOUBLE, 8) };
        let sizes = [matrix.rows, matrix.columns];
        let failed = |what: &str| {
            let message = format!("MATLAB does not take variable {name}, {sizes:?}: {what}");
            Error::new(ErrorCode::ResourceExhausted, message)
        };
        if matrix.bytes.len() != sizes[0] * sizes[1] * width {
            return Err(Error::new(
                ErrorCode::Internal,
                "a matrix has not as many values as sizes",
            ));
        }
        let c_name = terminated(name)?;
        let Some(array) = Owned::create(self.libraries, sizes, class) else {
            return Err(failed("no memory"));
        };
        // SAFETY: the array was made for that many real values of that width.
        unsafe {
            let to = (self.libraries.data)(array.array.as_ptr()).cast::<u8>();
            if !to.is_null() {
                to.copy_from_nonoverlapping(matrix.bytes.as_ptr(), matrix.bytes.len());
            }
        }
        // SAFETY: the engine is open, the name is terminated, the array is alive; MATLAB takes a copy.
        let status = unsafe {
            (self.libraries.put)(self.engine.as_ptr(), c_name.as_ptr(), array.array.as_ptr())
        };
        if status == 0 { Ok(()) } else { Err(failed("it was not transferred")) }
    }

    /// The values of a real variable of the types single and double, column by column. None when there is no such variable.
    pub(super) fn get(&mut self, name: &str) -> Result<Option<Made>> {
        let c_name = terminated(name)?;
        // SAFETY: the engine is open, the name is terminated; the array that comes back is ours.
        let array = unsafe { (self.libraries.get)(self.engine.as_ptr(), c_name.as_ptr()) };
        let Some(array) = Owned::take(self.libraries, array) else { return Ok(None) };
        array.values().map(Some).ok_or_else(|| {
            Error::new(ErrorCode::Internal, format!("MATLAB's {name} is no real matrix of floats"))
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the engine is open, and nothing uses it after this.
        unsafe {
            (self.libraries.output)(self.engine.as_ptr(), std::ptr::null_mut(), 0);
            (self.libraries.close)(self.engine.as_ptr());
        }
    }
}

fn terminated(name: &str) -> Result<CString> {
    CString::new(name)
        .map_err(|error| Error::new(ErrorCode::Internal, "a wrong name").caused_by(error))
}

/// An array of this process.
struct Owned {
    libraries: &'static Libraries,
    array: NonNull<c_void>,
}

impl Owned {
    fn create(libraries: &'static Libraries, sizes: [usize; 2], class: c_int) -> Option<Self> {
        // SAFETY: two sizes are given and told; zero is mxREAL.
        let array = unsafe { (libraries.create)(2, sizes.as_ptr(), class, REAL) };
        Self::take(libraries, array)
    }

    fn take(libraries: &'static Libraries, array: Array) -> Option<Self> {
        Some(Self { libraries, array: NonNull::new(array)? })
    }

    fn values(&self) -> Option<Made> {
        let (libraries, array) = (self.libraries, self.array.as_ptr().cast_const());
        // SAFETY: the array is alive; these only look at it. Real arrays of these classes have that many values in a row,
        // aligned for their type as everything that libmx allocates.
        unsafe {
            if (libraries.is_complex)(array) {
                return None;
            }
            let (data, count) = ((libraries.data)(array), (libraries.count)(array));
            match (libraries.class)(array) {
                SINGLE if count == 0 => Some(Made::F32(Vec::new())),
                DOUBLE if count == 0 => Some(Made::F64(Vec::new())),
                _ if data.is_null() => None,
                SINGLE => Some(Made::F32(
                    std::slice::from_raw_parts(data.cast_const().cast(), count).to_vec(),
                )),
                DOUBLE => Some(Made::F64(
                    std::slice::from_raw_parts(data.cast_const().cast(), count).to_vec(),
                )),
                _ => None,
            }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the array is ours, and nothing uses it after this.
        unsafe { (self.libraries.destroy)(self.array.as_ptr()) };
    }
}
