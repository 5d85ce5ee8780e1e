//! Operations from the arguments of Python. What is wrong is told with the field and the value.

mod given;
mod options;
mod workflow;

use std::path::PathBuf;
use std::time::Duration;

use npubridge_engine::config::Batching;
use npubridge_engine::operation::{
    Agents, Benchmark, Embed, Inference, Kind, LoadModel, Name, Operation, Options, Payload, Route,
    Signal, StreamStep,
};
use npubridge_engine::routing::Method;
use npubridge_engine::tensor::Tensor;
use npubridge_engine::{Error, ErrorCode};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::coordination::{ProfileRow, profile};
use crate::errors::{exception, invalid};
use crate::tensors;
pub(crate) use given::Given;

static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static DESCRIBE_SIGNAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// What the bytes of an echo mean.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EchoForm {
    AsIs,
    Json,
}

/// An operation that can be submitted.
pub(crate) struct Ready {
    pub(crate) operation: Operation,
    pub(crate) options: Options,
    pub(crate) form: EchoForm,
}

/// The arguments of one operation.
pub(crate) struct Arguments<'a, 'py> {
    pub(crate) py: Python<'py>,
    pub(crate) kind: &'a Bound<'py, PyAny>,
    pub(crate) model: Option<&'a Bound<'py, PyAny>>,
    pub(crate) inputs: Option<&'a Bound<'py, PyAny>>,
    pub(crate) data: Option<&'a Bound<'py, PyAny>>,
    pub(crate) priority: Option<&'a Bound<'py, PyAny>>,
    pub(crate) timeout_ms: Option<&'a Bound<'py, PyAny>>,
    pub(crate) stream: Option<&'a Bound<'py, PyAny>>,
    pub(crate) end_of_stream: bool,
    pub(crate) transfer: bool,
    /// What only some operations take.
    pub(crate) others: Option<&'a Bound<'py, PyDict>>,
}

impl<'a, 'py> Arguments<'a, 'py> {
    /// The operation, checked.
    pub(crate) fn read(&self) -> PyResult<Ready> {
        let kind = self.kind()?;
        self.refuse_foreign(kind)?;
        let mut form = EchoForm::AsIs;
        let operation = match kind {
            Kind::Echo => Operation::Echo(self.payload(&mut form)?),
            Kind::Inference => self.inference()?,
            Kind::MatrixMultiply => self.matrix_multiply()?,
            Kind::Initialize => Operation::Initialize,
            Kind::HealthCheck => Operation::HealthCheck,
            Kind::Statistics => Operation::Statistics,
            Kind::LoadModel => self.load_model()?,
            Kind::UnloadModel => Operation::UnloadModel { model: self.model()? },
            Kind::Route => self.route()?,
            Kind::Embed => self.embed()?,
            Kind::Signal => self.signal()?,
            Kind::Workflow => self.workflow()?,
            Kind::Benchmark => self.benchmark()?,
        };
        let options = Options { priority: self.priority()?, timeout: self.timeout()? };
        Ok(Ready { operation, options, form })
    }

    fn kind(&self) -> PyResult<Kind> {
        let Ok(name) = self.kind.cast::<PyString>() else {
            return Err(invalid(self.py, format!("type is {}, not a text", shown(self.kind))));
        };
        let name = name.to_str()?;
        Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            let error = Error::new(
                ErrorCode::UnsupportedOperation,
                format!("type is \"{name}\", which this engine cannot do"),
            );
            exception(self.py, &error.suggest(format!("known types: {}", known.join(", "))))
        })
    }

    /// Refuses arguments that mean nothing to an operation of this kind, because they are mistakes.
    fn refuse_foreign(&self, kind: Kind) -> PyResult<()> {
        let has_model = matches!(
            kind,
            Kind::Inference | Kind::LoadModel | Kind::UnloadModel | Kind::Benchmark | Kind::Embed
        );
        let has_inputs = matches!(kind, Kind::Inference | Kind::MatrixMultiply | Kind::Signal);
        let has_data = matches!(kind, Kind::Echo | Kind::Signal);
        let has_stream = matches!(kind, Kind::Inference | Kind::Signal);
        let foreign = [
            ("model", self.model.is_some() && !has_model),
            ("inputs", self.inputs.is_some() && !has_inputs),
            ("data", self.data.is_some() && !has_data),
            ("stream", self.stream.is_some() && !has_stream),
            ("end_of_stream", self.end_of_stream && self.stream.is_none()),
            ("transfer", self.transfer && !has_inputs && kind != Kind::Echo),
        ];
        if let Some((field, _)) = foreign.iter().find(|(_, wrong)| *wrong) {
            return Err(invalid(self.py, format!("{} takes no {field}", kind.name())));
        }
        let own: &[&str] = match kind {
            Kind::LoadModel => &["shapes", "batching"],
            Kind::Route => {
                &["description", "descriptions", "agents", "head", "method", "threshold", "top"]
            }
            Kind::Embed => &["texts"],
            Kind::Signal => &[
                "operation",
                "parameters",
                "steps",
                "complex",
                "backend",
                "device",
                "time_limit_ms",
            ],
            Kind::Workflow => &["tasks", "max_parallel"],
            Kind::Benchmark => &["kind", "duration_ms"],
            _ => &[],
        };
        for name in self.others.map(|others| others.keys()).into_iter().flatten() {
            let name: String = name.extract()?;
            if !own.contains(&name.as_str()) {
                return Err(invalid(self.py, format!("{} takes no {name}", kind.name())));
            }
        }
        Ok(())
    }

    fn payload(&self, form: &mut EchoForm) -> PyResult<Payload> {
        let Some(data) = self.data else {
            return Ok(Payload::None);
        };
        if let Ok(bytes) = data.cast::<PyBytes>() {
            return Ok(Payload::Bytes(bytes.as_bytes().into()));
        }
        if tensors::is_tensor(data)? {
            let tensor = tensors::read("data", data, self.transfer)?;
            return Ok(Payload::Tensor(Box::new(tensor)));
        }
        *form = EchoForm::Json;
        let text = DUMPS.import(self.py, "json", "dumps")?.call1((data,)).map_err(|cause| {
            let what = format!("data is {}, which is neither a tensor nor JSON", shown(data));
            let error = Error::new(ErrorCode::InvalidArgument, what);
            exception(self.py, &error.caused_by(cause))
        })?;
        Ok(Payload::Bytes(text.extract::<String>()?.into_bytes().into()))
    }

    fn model(&self) -> PyResult<Name> {
        let Some(model) = self.model else {
            return Err(invalid(self.py, "model is missing"));
        };
        if let Ok(name) = model.cast::<PyString>() {
            return Ok(name.to_str()?.into());
        }
        match model.extract::<PathBuf>() {
            Ok(path) => Ok(path.to_string_lossy().as_ref().into()),
            Err(_) => {
                Err(invalid(self.py, format!("model is {}, not a name or path", shown(model))))
            }
        }
    }

    fn inputs(&self) -> PyResult<Vec<(Name, Tensor)>> {
        let Some(inputs) = self.inputs else {
            return Err(invalid(self.py, "inputs is missing"));
        };
        let Ok(inputs) = inputs.cast::<PyDict>() else {
            let what = format!("inputs is {}, not a dict of tensors by name", shown(inputs));
            return Err(invalid(self.py, what));
        };
        let mut read = Vec::with_capacity(inputs.len());
        for (name, value) in inputs.iter() {
            let Ok(name) = name.cast::<PyString>() else {
                return Err(invalid(self.py, format!("inputs has the key {}", shown(&name))));
            };
            let name = name.to_str()?;
            read.push((name.into(), tensors::read(name, &value, self.transfer)?));
        }
        Ok(read)
    }

    fn inference(&self) -> PyResult<Operation> {
        Ok(Operation::Inference(Box::new(Inference {
            model: self.model()?,
            inputs: self.inputs()?,
            stream: self.stream_step()?,
        })))
    }

    fn stream_step(&self) -> PyResult<Option<StreamStep>> {
        let step = self.stream.map(|name| match name.cast::<PyString>() {
            Ok(name) => Ok(StreamStep { name: name.to_str()?.into(), last: self.end_of_stream }),
            Err(_) => Err(invalid(self.py, format!("stream is {}, not a text", shown(name)))),
        });
        step.transpose()
    }

    fn signal(&self) -> PyResult<Operation> {
        let Some(data) = self.data else {
            return Err(invalid(self.py, "data is missing: the samples"));
        };
        let fields = self.others.cloned().unwrap_or_else(|| PyDict::new(self.py));
        let describe = DESCRIBE_SIGNAL.import(self.py, "npubridge._signal", "describe")?;
        let description: String = describe.call1((fields,))?.extract()?;
        Ok(Operation::Signal(Box::new(Signal {
            description: description.into_bytes().into(),
            data: tensors::read("data", data, self.transfer)?,
            inputs: if self.inputs.is_some() { self.inputs()? } else { Vec::new() },
            stream: self.stream_step()?,
        })))
    }

    fn matrix_multiply(&self) -> PyResult<Operation> {
        let (mut a, mut b) = (None, None);
        for (name, tensor) in self.inputs()? {
            match &*name {
                "a" => a = Some(tensor),
                "b" => b = Some(tensor),
                _ => return Err(invalid(self.py, format!("inputs.{name} is neither a nor b"))),
            }
        }
        let (Some(a), Some(b)) = (a, b) else {
            return Err(invalid(self.py, "matrix_multiply takes the inputs a and b"));
        };
        Operation::matrix_multiply(a, b).map_err(|error| exception(self.py, &error))
    }

    fn other(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.others.map(|others| others.get_item(name)).transpose()?.flatten();
        Ok(found.filter(|value| !value.is_none()))
    }

    fn required(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.other(name)?.ok_or_else(|| invalid(self.py, format!("{name} is missing")))
    }

    fn typed<T>(&self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<T>
    where
        T: for<'b> FromPyObject<'b, 'py>,
    {
        value.extract().map_err(|_| invalid(self.py, format!("{name} is {}", shown(value))))
    }

    fn load_model(&self) -> PyResult<Operation> {
        let mut shapes = Vec::new();
        if let Some(given) = self.other("shapes")? {
            let Ok(given) = given.cast::<PyDict>() else {
                return Err(invalid(self.py, format!("shapes is {}, not a dict", shown(&given))));
            };
            for (name, shape) in given.iter() {
                let name: String = self.typed("a name of shapes", &name)?;
                let sizes = self.typed(&format!("shapes.{name}"), &shape)?;
                shapes.push((Name::from(name), sizes));
            }
        }
        let batching = match self.other("batching")? {
            None => None,
            Some(max) => Some(Batching {
                max: self.typed::<usize>("batching", &max)?.max(1),
                ..Batching::default()
            }),
        };
        Ok(Operation::LoadModel(Box::new(LoadModel { model: self.model()?, shapes, batching })))
    }

    fn route(&self) -> PyResult<Operation> {
        let text = |name| -> PyResult<Option<String>> {
            self.other(name)?.map(|given| self.typed(name, &given)).transpose()
        };
        let mut route = match self.other("descriptions")? {
            None => {
                Route::new(self.typed::<String>("description", &self.required("description")?)?)
            }
            Some(given) => Route {
                texts: self.typed("descriptions", &given)?,
                many: true,
                ..Route::new(String::new())
            },
        };
        route.agents = self.other("agents")?.map(|given| self.agents(&given)).transpose()?;
        route.head = text("head")?.map(Into::into);
        if let Some(method) = text("method")? {
            route.query.method =
                Method::named(&method).map_err(|error| exception(self.py, &error))?;
        }
        if let Some(top) = self.other("top")? {
            route.query.top = self.typed("top", &top)?;
        }
        if let Some(threshold) = self.other("threshold")? {
            route.query.threshold = Some(self.typed("threshold", &threshold)?);
        }
        Ok(Operation::Route(Box::new(route)))
    }

    /// A folder, or a list of agents as tuples of their name, description, examples and priority.
    fn agents(&self, given: &Bound<'py, PyAny>) -> PyResult<Agents> {
        if let Ok(folder) = given.extract::<PathBuf>() {
            return Ok(Agents::Folder(folder));
        }
        let rows: Vec<ProfileRow> = self.typed("agents", given)?;
        Ok(Agents::Listed(rows.into_iter().map(profile).collect()))
    }

    fn embed(&self) -> PyResult<Operation> {
        let texts = self.typed("texts", &self.required("texts")?)?;
        let model = self.model.is_some().then(|| self.model()).transpose()?;
        Ok(Operation::Embed(Box::new(Embed { texts, model })))
    }

    fn benchmark(&self) -> PyResult<Operation> {
        let name: String = self.typed("kind", &self.required("kind")?)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let error = Error::new(ErrorCode::InvalidArgument, format!("kind is \"{name}\""));
            exception(self.py, &error.suggest("echo, inference or matrix_multiply"))
        })?;
        let millis: f64 = self.typed("duration_ms", &self.required("duration_ms")?)?;
        let duration = Duration::try_from_secs_f64(millis / 1e3)
            .map_err(|_| invalid(self.py, format!("duration_ms is {millis}")))?;
        let model = self.model.is_some().then(|| self.model()).transpose()?;
        Ok(Operation::Benchmark(Box::new(Benchmark { kind, duration, model })))
    }
}

/// A value as it is shown in a message: short, whatever it is.
fn shown(value: &Bound<'_, PyAny>) -> String {
    const LONGEST: usize = 80;
    let text = value
        .repr()
        .map_or_else(|_| value.get_type().to_string(), |text| text.to_string_lossy().into_owned());
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}
