//! The functions of `libeng`, with the types of MathWorks' `engine.h`. Variables go to Octave through binary files.
// Functions are public for the linker, not for other modules.
#![allow(non_snake_case, unreachable_pub)]

use std::ffi::{CStr, c_char, c_int};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::ptr;

use crate::matrix::{Array, DOUBLE, SINGLE};

/// A running Octave.
pub struct Engine {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    screen: Option<(*mut c_char, usize)>,
    calls: u64,
}

impl Engine {
    fn start(command: &str) -> io::Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let folder = tempfile::Builder::new().prefix("npubridge-not-matlab-").tempdir()?;
        let mut engine = Self {
            child,
            input: Some(input),
            output: BufReader::new(output),
            folder,
            screen: None,
            calls: 0,
        };
        engine.run("1;")?;
        Ok(engine)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs statements, and gives what they print. Octave ends at an error outside of `try` when it reads from a pipe.
    fn run(&mut self, statements: &str) -> io::Result<String> {
        self.calls += 1;
        let code = self.file("code.m");
        fs::write(&code, statements)?;
        let end = format!("not matlab {}", self.calls);
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(
            input,
            "try, source('{}'); catch, disp(lasterr()); end, printf('\\n{end}\\n'); fflush(stdout);",
            code.display()
        )?;
        input.flush()?;
        let mut printed = String::new();
        loop {
            let start = printed.len();
            if self.output.read_line(&mut printed)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if printed[start..].trim_end() == end {
                printed.truncate(start);
                return Ok(printed);
            }
        }
    }

    fn show(&mut self, printed: &str) {
        if let Some((screen, length)) = self.screen {
            let length = length.min(printed.len());
            // SAFETY: the caller of `engOutputBuffer` lends so many bytes.
            unsafe { ptr::copy_nonoverlapping(printed.as_ptr(), screen.cast::<u8>(), length) };
        }
    }

    fn put(&mut self, name: &str, array: &Array) -> io::Result<()> {
        let file = self.file("in");
        fs::write(&file, array.bytes())?;
        let class = if array.class == SINGLE { "single" } else { "double" };
        let sizes = &array.sizes;
        self.run(&format!(
            "h = fopen('{}', 'r'); {name} = reshape(fread(h, Inf, '*{class}'), {sizes:?}); fclose(h); clear h",
            file.display(),
        ))?;
        Ok(())
    }

    /// The variable of a name: its class, whether it is complex, its rows and columns, and its values.
    fn get(&mut self, name: &str) -> io::Result<Option<Array>> {
        let file = self.file("out");
        let _ = fs::remove_file(&file);
        self.run(&format!(
            "if exist('{name}', 'var'), h = fopen('{0}', 'w'); c = {DOUBLE} * isa({name}, 'double') + {SINGLE} * isa({name}, 'single');\n\
             fwrite(h, [c, iscomplex({name}), rows({name}), numel({name}) / max(rows({name}), 1)], 'double');\n\
             if c > 0, fwrite(h, real({name}), class({name})); end, fclose(h); clear h c, end",
            file.display(),
        ))?;
        let Ok(bytes) = fs::read(&file) else { return Ok(None) };
        let (head, values) = bytes.split_at_checked(32).ok_or(io::ErrorKind::InvalidData)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let numbers: Vec<usize> = head
            .chunks_exact(8)
            .map(|bytes| f64::from_ne_bytes(bytes.try_into().unwrap_or_default()) as usize)
            .collect();
        let class = c_int::try_from(numbers[0]).unwrap_or(0);
        let mut array = Array::new(class, numbers[1] != 0, &numbers[2..]);
        array.fill(values);
        Ok(Some(array))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// # Safety
/// `text` is terminated.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    // SAFETY: as the caller promises.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })?.to_str().ok()
}

/// # Safety
/// As `engine.h` has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engOpen(command: *const c_char) -> *mut Engine {
    // SAFETY: the caller gives null or a terminated text.
    let command = unsafe { text(command) }.filter(|command| !command.is_empty());
    match Engine::start(command.unwrap_or("matlab")) {
        Ok(engine) => Box::into_raw(Box::new(engine)),
        Err(_) => ptr::null_mut(),
    }
}

/// # Safety
/// As `engine.h` has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engClose(engine: *mut Engine) -> c_int {
    if engine.is_null() {
        return 1;
    }
    // SAFETY: the caller gives an open engine, and does not use it again.
    drop(unsafe { Box::from_raw(engine) });
    0
}

/// # Safety
/// As `engine.h` has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engEvalString(engine: *mut Engine, statements: *const c_char) -> c_int {
    // SAFETY: the caller gives an open engine and a terminated text.
    let (Some(engine), Some(statements)) =
        (unsafe { engine.as_mut() }, unsafe { text(statements) })
    else {
        return 1;
    };
    match engine.run(statements) {
        Ok(printed) => {
            engine.show(&printed);
            0
        }
        Err(_) => 1,
    }
}

/// # Safety
/// As `engine.h` has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engOutputBuffer(
    engine: *mut Engine,
    screen: *mut c_char,
    length: c_int,
) -> c_int {
    // SAFETY: the caller gives an open engine.
    let Some(engine) = (unsafe { engine.as_mut() }) else { return 1 };
    let length = usize::try_from(length).unwrap_or(0);
    engine.screen = (!screen.is_null() && length > 0).then_some((screen, length));
    0
}

/// # Safety
/// As `engine.h` has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engPutVariable(
    engine: *mut Engine,
    name: *const c_char,
    array: *const Array,
) -> c_int {
    // SAFETY: the caller gives an open engine, a terminated text and an array that is alive.
    let (engine, name, array) = unsafe { (engine.as_mut(), text(name), array.as_ref()) };
    let (Some(engine), Some(name), Some(array)) = (engine, name, array) else { return 1 };
    c_int::from(engine.put(name, array).is_err())
}

/// # Safety
/// As `engine.h` has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engGetVariable(engine: *mut Engine, name: *const c_char) -> *mut Array {
    // SAFETY: the caller gives an open engine and a terminated text.
    let (engine, name) = unsafe { (engine.as_mut(), text(name)) };
    let (Some(engine), Some(name)) = (engine, name) else { return ptr::null_mut() };
    match engine.get(name) {
        Ok(Some(array)) => Box::into_raw(Box::new(array)),
        _ => ptr::null_mut(),
    }
}
