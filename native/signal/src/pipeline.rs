//! Steps one after the other: what one gives is what the next takes.

use std::fmt;

use serde_json::{Map, Value};

use crate::array::{Inputs, Outputs, Signal};
use crate::fault::{Fault, FaultKind, Result};
use crate::lowered::Lowered;
use crate::parameters::{Parameters, unknown_word};
use crate::{adaptive, fft, filter, kalman, spectral, wavelet};

/// The families and their members.
pub const FAMILIES: [(&str, &[&str]); 6] = [
    ("fft", &fft::KINDS),
    ("filter", &filter::KINDS),
    ("kalman", &kalman::KINDS),
    ("wavelet", &wavelet::KINDS),
    ("spectral", &spectral::KINDS),
    ("adaptive", &adaptive::KINDS),
];

/// One step as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The family.
    pub operation: String,
    /// Its member as `kind`, and what that takes.
    pub parameters: Map<String, Value>,
}

/// What a step does, with everything that can be worked out beforehand.
pub trait Member: fmt::Debug + Send + Sync {
    /// Runs on whole channels.
    ///
    /// # Errors
    /// When the data does not fit.
    fn run(&self, inputs: Inputs<'_>) -> Result<Outputs>;

    /// What it works out, for backends other than this crate; none when there is no such form.
    ///
    /// # Errors
    /// When the data does not fit.
    fn lowered(&self, inputs: &Inputs<'_>) -> Result<Option<Lowered>> {
        let _ = inputs;
        Ok(None)
    }

    /// What it must remember to run block by block; none when it cannot.
    fn streaming(&self) -> Option<Box<dyn Streaming>> {
        None
    }

    /// Whether a sample that is no number means something: a measurement that is missing.
    fn takes_missing(&self) -> bool {
        false
    }
}

/// A step that runs block by block.
pub trait Streaming: fmt::Debug + Send {
    /// Takes the next block. What comes of it replaces `outputs`, whose memory is used again as far as the member can.
    ///
    /// # Errors
    /// When the block does not fit those before.
    fn next(&mut self, inputs: &Inputs<'_>, outputs: &mut Outputs) -> Result<()>;
}

/// Steps that are ready to run.
#[derive(Debug)]
pub struct Pipeline {
    steps: Vec<Ready>,
}

#[derive(Debug)]
struct Ready {
    name: String,
    member: Box<dyn Member>,
    finite: bool,
}

/// A pipeline with what it remembers between blocks.
#[derive(Debug)]
pub struct Stream {
    steps: Vec<Resumed>,
    /// The step after which the block before had nothing left.
    ended: Option<usize>,
}

#[derive(Debug)]
struct Resumed {
    streaming: Box<dyn Streaming>,
    finite: bool,
    /// What it hands on, kept for its memory. The last step hands nothing on.
    carried: Outputs,
}

impl Pipeline {
    /// Reads the steps and designs what they need.
    ///
    /// # Errors
    /// A wrong parameter, named with its step.
    pub fn new(steps: Vec<Step>) -> Result<Self> {
        if steps.is_empty() {
            return Err(Fault::argument("steps is empty: at least one step is needed"));
        }
        let many = steps.len() > 1;
        let ready = steps.into_iter().enumerate().map(|(index, step)| {
            Ready::new(step).map_err(|fault| if many { within(fault, index) } else { fault })
        });
        Ok(Self { steps: ready.collect::<Result<_>>()? })
    }

    /// Runs all steps.
    ///
    /// # Errors
    /// What a step refuses.
    pub fn run(&self, data: &Signal<'_>, others: &[(&str, Signal<'_>)]) -> Result<Outputs> {
        let mut carried: Option<Outputs> = None;
        for (index, step) in self.steps.iter().enumerate() {
            let outputs = {
                let data = carried.as_ref().map_or(data, |outputs| &outputs[0].1);
                step.run(data, others)
            };
            carried = Some(outputs.map_err(|fault| self.placed(fault, index))?);
        }
        Ok(carried.unwrap_or_default())
    }

    /// Runs all steps, each handed to `backend` with its name. The inner result has the errors of the backend.
    ///
    /// # Errors
    /// What a step refuses; `Unsupported` for steps that have no form for backends.
    pub fn run_on<E>(
        &self,
        data: &Signal<'_>,
        others: &[(&str, Signal<'_>)],
        mut backend: impl FnMut(&str, Lowered) -> std::result::Result<Outputs, E>,
    ) -> Result<std::result::Result<Outputs, E>> {
        let mut carried: Option<Outputs> = None;
        for (index, step) in self.steps.iter().enumerate() {
            let data = carried.as_ref().map_or(data, |outputs| &outputs[0].1);
            let lowered = step.lowered(data, others).map_err(|fault| self.placed(fault, index))?;
            match backend(&step.name, lowered) {
                Ok(outputs) => carried = Some(outputs),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(carried.unwrap_or_default()))
    }

    fn placed(&self, fault: Fault, index: usize) -> Fault {
        if self.steps.len() > 1 { within(fault, index) } else { fault }
    }

    /// The pipeline as a stream of blocks.
    ///
    /// # Errors
    /// `Unsupported` when one of its steps needs everything at once.
    pub fn stream(&self) -> Result<Stream> {
        let steps = self.steps.iter().map(|step| {
            let streaming = step.member.streaming().ok_or_else(|| Fault {
                kind: FaultKind::Unsupported,
                message: format!("{} needs all samples at once and cannot be a stream", step.name),
                suggestion: Some("leave out stream, or use lfilter, sosfilt, convolve, resample_poly, stft, kalman or an adaptive filter".into()),
            })?;
            Ok(Resumed { streaming, finite: step.finite, carried: Outputs::new() })
        });
        Ok(Stream { steps: steps.collect::<Result<_>>()?, ended: None })
    }

    /// The names of the steps, `family kind`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }
}

impl Ready {
    fn new(step: Step) -> Result<Self> {
        let Some((family, kinds)) = FAMILIES.iter().find(|(name, _)| *name == step.operation)
        else {
            let names = FAMILIES.map(|(name, _)| name);
            return Err(unknown_word("operation", &step.operation, &names));
        };
        let mut parameters = Parameters::new(step.parameters);
        let kind = parameters.text("kind")?.ok_or_else(|| {
            Fault::argument(format!(
                "parameters.kind is missing: {family} has {}",
                kinds.join(", ")
            ))
        })?;
        let policies = [("refuse", true), ("propagate", false)];
        let finite = parameters.choice("nonfinite", &policies, true)?;
        let prepare = match *family {
            "fft" => fft::prepare,
            "filter" => filter::prepare,
            "kalman" => kalman::prepare,
            "wavelet" => wavelet::prepare,
            "spectral" => spectral::prepare,
            _ => adaptive::prepare,
        };
        let member = prepare(&kind, &mut parameters)?;
        parameters.finish()?;
        let finite = finite && !member.takes_missing();
        Ok(Self { name: format!("{family} {kind}"), member, finite })
    }

    fn run(&self, data: &Signal<'_>, others: &[(&str, Signal<'_>)]) -> Result<Outputs> {
        check(data, others, self.finite)?;
        self.member.run(Inputs { data, others })
    }
}

impl Ready {
    fn lowered(&self, data: &Signal<'_>, others: &[(&str, Signal<'_>)]) -> Result<Lowered> {
        check(data, others, self.finite)?;
        self.member.lowered(&Inputs { data, others })?.ok_or_else(|| {
            Fault::unsupported(format!(
                "{}, asked for like this, runs on backend native only",
                self.name
            ))
        })
    }
}

fn check(data: &Signal<'_>, others: &[(&str, Signal<'_>)], finite: bool) -> Result<()> {
    data.check("data", finite)?;
    let mut others = others.iter();
    others.try_for_each(|(name, signal)| signal.check(format_args!("inputs.{name}"), finite))
}

fn within(mut fault: Fault, index: usize) -> Fault {
    fault.message = format!("steps[{index}]: {}", fault.message);
    fault
}

impl Stream {
    /// Takes the next block of every channel. An empty result means that more samples are needed first.
    ///
    /// # Errors
    /// What a step refuses; the stream is then as if the block had not come only if the first step refused.
    pub fn next(&mut self, data: &Signal<'_>, others: &[(&str, Signal<'_>)]) -> Result<Outputs> {
        let mut outputs = Outputs::new();
        self.next_into(data, others, &mut outputs)?;
        Ok(outputs)
    }

    /// As [`Stream::next`], with the outputs of the block before to be replaced. After the first blocks it then allocates
    /// nothing as long as blocks do not get longer, whatever the steps are. Two things are excepted: errors, and blocks
    /// for `stft` of so many samples in several channels that threads share them.
    ///
    /// # Errors
    /// As [`Stream::next`]; the outputs are then not to be used.
    pub fn next_into(
        &mut self,
        data: &Signal<'_>,
        others: &[(&str, Signal<'_>)],
        outputs: &mut Outputs,
    ) -> Result<()> {
        if let Some(index) = self.ended.take() {
            std::mem::swap(outputs, &mut self.steps[index].carried);
        }
        let last = self.steps.len() - 1;
        for index in 0..=last {
            let (before, rest) = self.steps.split_at_mut(index);
            let data = before.last().map_or(data, |step| &step.carried[0].1);
            let Resumed { streaming, finite, carried } = &mut rest[0];
            let target = if index == last { &mut *outputs } else { carried };
            check(data, others, *finite)
                .and_then(|()| streaming.next(&Inputs { data, others }, target))
                .map_err(|fault| within(fault, index))?;
            if index < last && target[0].1.shape().contains(&0) {
                std::mem::swap(outputs, &mut self.steps[index].carried);
                self.ended = Some(index);
                break;
            }
        }
        Ok(())
    }
}
