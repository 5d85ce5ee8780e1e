//! A step as statements that Octave and MATLAB both understand, with nothing but their own core functions.
//!
//! Arrays travel as real matrices, column by column: the channels of our arrays are the columns of theirs. Complex ones
//! have real and imaginary part as their two rows.

use std::fmt::Write;

use npubridge_signal::{Array, Frames, Lowered, Real, Signal, Spectra, Transform, Values, Work};

/// A real matrix of float32 or float64, column by column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    pub(super) single: bool,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) bytes: Vec<u8>,
}

/// What is to be run: variables, and statements that make the matrix `result` of them.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) variables: Vec<(&'static str, Matrix)>,
    pub(super) code: String,
    /// Whether `result` is float32.
    pub(super) single: bool,
    /// How many values `result` has.
    pub(super) values: usize,
}

impl Matrix {
    fn of<T: Real>(array: &Array<'_, T>, rows: usize) -> Self {
        let (values, width): (Vec<u8>, usize) = match &array.values {
            Values::Real(values) => (bytemuck::cast_slice(values).to_vec(), 1),
            Values::Complex(values) => {
                let parts: Vec<T> = values.iter().flat_map(|value| [value.re, value.im]).collect();
                (bytemuck::cast_slice(&parts).to_vec(), 2)
            }
        };
        let single = size_of::<T>() == 4;
        let count = values.len() / size_of::<T>();
        let rows = if width == 2 { 2 } else { rows };
        Self { single, rows, columns: count / rows.max(1), bytes: values }
    }

    /// A matrix in the type of the data, column after column.
    fn columns(single: bool, columns: &[Vec<f64>]) -> Self {
        let rows = columns.first().map_or(0, Vec::len);
        let values = columns.iter().flatten().copied();
        let bytes = if single {
            #[allow(clippy::cast_possible_truncation)]
            values.flat_map(|value| (value as f32).to_ne_bytes()).collect()
        } else {
            values.flat_map(f64::to_ne_bytes).collect()
        };
        Self { single, rows, columns: columns.len(), bytes }
    }
}

/// A step as a program.
pub(super) fn program(lowered: &Lowered) -> Program {
    let (channels, single) = (lowered.channels(), matches!(lowered.data, Signal::F32(_)));
    let (count, complex) = match &lowered.data {
        Signal::F32(array) => sizes(array),
        Signal::F64(array) => sizes(array),
    };
    let length = count / channels;
    let data = match &lowered.data {
        Signal::F32(array) => Matrix::of(array, length),
        Signal::F64(array) => Matrix::of(array, length),
    };
    let mut made = Program {
        variables: vec![("data", data)],
        code: String::new(),
        single,
        values: channels * lowered.values(),
    };
    if complex {
        made.say(&format!("x = reshape(complex(data(1,:), data(2,:)), {length}, {channels});"));
    } else {
        made.say("x = data;");
    }
    let out = lowered.tail.iter().product();
    match &lowered.work {
        Work::Convolve { taps, skip } => made.convolve(taps, *skip, out),
        Work::Recurse(filters) => made.recurse(filters),
        Work::Resample { up, down, taps, skip } => {
            let last = skip + (out - 1) * down + 1;
            let grid = length * up;
            made.set("taps", std::slice::from_ref(taps));
            made.say(&format!(
                "z = zeros({}, {channels}, class(x)); z(1:{up}:{grid},:) = x;",
                grid.max(last)
            ));
            made.say("z = filter(taps, 1, z, [], 1);");
            made.say(&format!("y = z({}:{down}:{last},:);", skip + 1));
        }
        Work::Transform(transform, factor) => {
            made.transform(*transform, *factor, length, channels);
        }
        Work::Frames(frames) => made.frames(frames, channels),
    }
    made.say(if lowered.complex {
        "result = [real(y(:)).'; imag(y(:)).'];"
    } else {
        "result = y;"
    });
    made
}

fn sizes<T: Real>(array: &Array<'_, T>) -> (usize, bool) {
    let complex = matches!(array.values, Values::Complex(_));
    (array.shape.iter().product(), complex)
}

impl Program {
    fn say(&mut self, statement: &str) {
        let _ = writeln!(self.code, "{statement}");
    }

    fn set(&mut self, name: &'static str, columns: &[Vec<f64>]) {
        self.variables.push((name, Matrix::columns(self.single, columns)));
    }

    fn convolve(&mut self, taps: &Vec<f64>, skip: usize, out: usize) {
        self.set("taps", std::slice::from_ref(taps));
        self.say("y = conv2(x, taps);");
        self.say(&format!("y = y({}:{},:);", skip + 1, skip + out));
    }

    fn recurse(&mut self, filters: &[(Vec<f64>, Vec<f64>)]) {
        let longest = filters.iter().map(|(b, a)| b.len().max(a.len())).max().unwrap_or(1);
        let padded = |values: &Vec<f64>| {
            let mut values = values.clone();
            values.resize(longest, 0.0);
            values
        };
        let (b, a): (Vec<_>, Vec<_>) = filters.iter().map(|(b, a)| (padded(b), padded(a))).unzip();
        self.set("b", &b);
        self.set("a", &a);
        self.say("y = x; for k = 1:size(b, 2), y = filter(b(:,k), a(:,k), y, [], 1); end");
    }

    #[allow(clippy::cast_precision_loss)]
    fn transform(&mut self, transform: Transform, factor: f64, length: usize, channels: usize) {
        // Their inverse transforms divide by the length by themselves.
        let back = |n: usize| factor * n as f64;
        match transform {
            Transform::Forward => self.say(&format!("y = fft(x, [], 1) * {factor:e};")),
            Transform::Half => {
                let lines = length / 2 + 1;
                self.say(&format!("y = fft(x, [], 1); y = y(1:{lines},:) * {factor:e};"));
            }
            Transform::Inverse => {
                self.say(&format!("y = ifft(x, [], 1) * {:e};", back(length)));
            }
            Transform::InverseHalf(n) => {
                let last = if n.is_multiple_of(2) { "end-1" } else { "end" };
                self.say(&format!("z = [x; conj(x({last}:-1:2,:))];"));
                self.say(&format!("y = real(ifft(z, [], 1)) * {:e};", back(n)));
            }
            Transform::Plane(rows, columns) => {
                self.say(&format!("z = reshape(x, {columns}, {rows}, {channels});"));
                self.say(&format!("y = fft(fft(z, [], 1), [], 2) * {factor:e};"));
            }
        }
    }

    fn frames(&mut self, frames: &Frames, channels: usize) {
        let (length, count, lines) = (frames.window.len(), frames.count, frames.lines());
        self.set("w", std::slice::from_ref(&frames.window));
        if !frames.trend.is_empty() {
            self.set("q", &frames.trend);
        }
        let each = match &frames.of {
            Spectra::Whole(factor) => format!("y(:,:,c) = s.' * {factor:e};"),
            Spectra::Power(factors) => {
                self.set("v", std::slice::from_ref(factors));
                "y(:,:,c) = bsxfun(@times, real(s).^2 + imag(s).^2, v).';".into()
            }
            Spectra::MeanPower(factors) => {
                self.set("v", std::slice::from_ref(factors));
                "y(:,c) = mean(real(s).^2 + imag(s).^2, 2) .* v;".into()
            }
            Spectra::Bands { bands, exponent, cepstrum } => {
                // Each band is a column there, as each was a row here.
                self.set("v", bands);
                let half = exponent / 2.0;
                let mut each = format!("m = v.' * ((real(s).^2 + imag(s).^2) .^ {half:e});\n");
                if let Some((rows, top)) = cepstrum {
                    self.set("d", rows);
                    each.push_str("m = 10 * log10(max(m, 1e-10));\n");
                    if top.is_finite() {
                        let _ = writeln!(each, "m = max(m, max(m(:)) - {top:e});");
                    }
                    each.push_str("m = d.' * m;\n");
                }
                each + "y(:,:,c) = m.';"
            }
        };
        self.say(&format!(
            "at = bsxfun(@plus, (1:{length}).', (0:{}) * {}); y = [];",
            count - 1,
            frames.step
        ));
        self.say(&format!("for c = 1:{channels}"));
        self.say(&format!("f = reshape(x(at(:), c), {length}, {count});"));
        if !frames.trend.is_empty() {
            self.say("f = f - q * (q.' * f);");
        }
        self.say("f = bsxfun(@times, f, w);");
        self.say(&format!("s = fft(f, {}, 1); s = s(1:{lines},:);", frames.nfft));
        self.say(&each);
        self.say("end");
    }
}
