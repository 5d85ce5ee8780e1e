//! A folder that looks like an installation of MATLAB on Linux.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The stand-in as cargo calls it.
pub const LIBRARY: &str = "libnpubridge_testing_matlab.so";
/// The file that tells a person what this folder is.
const MARKER: &str = "NOT-MATLAB.txt";
/// In the folder: while it is there, the command ends as one without a licence does.
pub const LICENCE: &str = "without-licence";
/// In the folder: the number of the process that was started last.
pub const PROCESS: &str = "process";
/// In the folder: what `maxNumCompThreads` was last set to.
pub const THREADS: &str = "threads";

/// Makes an installation in `root`, which need not exist, of the library `stand_in`.
///
/// # Errors
/// What cannot be written.
pub fn make(root: &Path, stand_in: &Path) -> io::Result<()> {
    let libraries = root.join("bin/glnxa64");
    fs::create_dir_all(&libraries)?;
    fs::write(
        root.join(MARKER),
        "A stand-in for MATLAB that evaluates by Octave. For tests only.\n",
    )?;
    fs::copy(stand_in, libraries.join("libmx.so"))?;
    symlink("libmx.so", libraries.join("libeng.so"))?;
    let toolbox = root.join("toolbox");
    fs::create_dir_all(&toolbox)?;
    fs::write(toolbox.join("maxNumCompThreads.m"), max_threads(&root.join(THREADS)))?;
    let command = root.join("bin/matlab");
    fs::write(&command, script(root, &toolbox))?;
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755))
}

fn script(root: &Path, toolbox: &Path) -> String {
    let (root, toolbox) = (root.display(), toolbox.display());
    format!(
        "#!/bin/sh\n\
         # A stand-in for MATLAB's command, for tests only: it becomes Octave.\n\
         if [ -e '{root}/{LICENCE}' ]; then echo 'License checkout failed.' >&2; exit 1; fi\n\
         echo $$ > '{root}/{PROCESS}'\n\
         exec octave-cli --no-gui --quiet --no-init-file --no-site-file --no-history --no-line-editing \\\n\
         \x20 --path '{toolbox}'\n"
    )
}

fn max_threads(note: &Path) -> String {
    format!(
        "% A stand-in for MATLAB's function, for tests only: it notes what it is called with.\n\
         function before = maxNumCompThreads(count)\n\
         before = 1;\n\
         h = fopen('{}', 'w'); fprintf(h, '%d', count); fclose(h);\n\
         end\n",
        note.display()
    )
}
