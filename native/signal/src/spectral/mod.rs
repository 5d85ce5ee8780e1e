//! The family `spectral`: power, short-time transforms, mel bands and peaks.

mod framed;
mod frames;
mod mel;
mod peaks;
mod power;
mod segments;
mod stft;

use crate::array::{Inputs, Outputs, with_real};
use crate::fault::Result;
use crate::lowered::Lowered;
use crate::parameters::{Parameters, unknown_word};
use crate::pipeline::{Member, Streaming};
use power::Average;
use segments::{Detrend, Options};

/// The members of the family.
pub const KINDS: [&str; 10] = [
    "periodogram",
    "welch",
    "csd",
    "coherence",
    "spectrogram",
    "stft",
    "istft",
    "mel",
    "mfcc",
    "find_peaks",
];

#[derive(Debug)]
enum Spectral {
    Welch { options: Options, average: Average, whole: bool },
    Cross { options: Options, coherence: bool },
    Spectrogram(Options),
    Stft(stft::Stft),
    Istft(stft::Istft),
    Mel(mel::Mel),
    Peaks(peaks::Peaks),
}

/// Reads a member of the family.
pub(crate) fn prepare(kind: &str, parameters: &mut Parameters) -> Result<Box<dyn Member>> {
    let p = parameters;
    let density = |options: Result<Options>, p: &mut Parameters| {
        options?.with_detrend(p, Detrend::Constant)?.with_scaling(p)
    };
    Ok(Box::new(match kind {
        "periodogram" => {
            let options = density(Options::read(p, "boxcar", 2, true), p)?;
            Spectral::Welch { options, average: Average::Mean, whole: true }
        }
        "welch" => {
            let options = density(Options::read(p, "hann", 2, false), p)?;
            let averages = [("mean", Average::Mean), ("median", Average::Median)];
            let average = p.choice("average", &averages, Average::Mean)?;
            Spectral::Welch { options, average, whole: false }
        }
        "csd" => {
            let options = density(Options::read(p, "hann", 2, false), p)?;
            Spectral::Cross { options, coherence: false }
        }
        "coherence" => {
            let options = Options::read(p, "hann", 2, false)?.with_detrend(p, Detrend::Constant)?;
            Spectral::Cross { options, coherence: true }
        }
        "spectrogram" => Spectral::Spectrogram(density(Options::read(p, "tukey", 8, false), p)?),
        "stft" => Spectral::Stft(stft::Stft::read(p)?),
        "istft" => Spectral::Istft(stft::Istft::read(p)?),
        "mel" => Spectral::Mel(mel::Mel::read(p, false)?),
        "mfcc" => Spectral::Mel(mel::Mel::read(p, true)?),
        "find_peaks" => Spectral::Peaks(peaks::Peaks::read(p)?),
        other => return Err(unknown_word("parameters.kind", other, &KINDS)),
    }))
}

impl Member for Spectral {
    fn run(&self, inputs: Inputs<'_>) -> Result<Outputs> {
        with_real!(&inputs.data, array => match self {
            Self::Welch { options, average, whole } => power::welch(array, options, *average, *whole),
            Self::Cross { options, coherence } => power::cross(array, &inputs, options, *coherence),
            Self::Spectrogram(options) => power::spectrogram(array, options),
            Self::Stft(stft) => stft.run(array),
            Self::Istft(istft) => istft.run(array),
            Self::Mel(mel) => mel.run(array),
            Self::Peaks(peaks) => peaks.run(&inputs),
        })
    }

    fn lowered(&self, inputs: &Inputs<'_>) -> Result<Option<Lowered>> {
        with_real!(&inputs.data, array => match self {
            Self::Welch { options, average: Average::Mean, whole } => {
                frames::welch(array, options, *whole).map(Some)
            }
            Self::Spectrogram(options) => frames::spectrogram(array, options).map(Some),
            Self::Stft(stft) => stft.lowered(array).map(Some),
            Self::Mel(mel) => mel.lowered(array).map(Some),
            _ => Ok(None),
        })
    }

    fn streaming(&self) -> Option<Box<dyn Streaming>> {
        let Self::Stft(stft) = self else { return None };
        Some(Box::new(framed::Framed::new(stft)))
    }
}
