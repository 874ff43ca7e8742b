//! Collects what was written in the file, the environment and the flags, before anything is understood.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Origin, did_you_mean};
use super::settings::{FILE_VARIABLE, Kind, PREFIX, SETTINGS, Setting};

/// Everything a configuration is made from. Built by [`Inputs::of_process`], or by hand in a test.
#[derive(Clone, Default)]
pub struct Inputs {
    /// Flags that were given: the setting's name and the text.
    pub flags: Vec<(&'static str, String)>,
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
    /// Environment variables; those of other programs are passed over.
    pub environment: Vec<(OsString, OsString)>,
    /// Where `counterfoil.toml` is looked for when no file is named.
    pub directory: PathBuf,
}

impl Inputs {
    /// With the environment and the working directory of this process.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        Self { flags, file, environment: std::env::vars_os().collect(), directory: PathBuf::from(".") }
    }
}

/// A value as written.
#[derive(Clone)]
pub struct Raw {
    /// The text; lists joined by commas.
    pub text: String,
    /// Who wrote it.
    pub origin: Origin,
}

/// The text of every setting, and the file that was read.
pub struct Gathered {
    /// One entry for each setting.
    pub raw: BTreeMap<&'static str, Raw>,
    /// The file, if there was one.
    pub file: Option<PathBuf>,
}

/// Puts defaults, file, environment and flags on top of each other.
pub fn gather(inputs: &Inputs, faults: &mut Vec<Fault>) -> Gathered {
    let default = |setting: &'static Setting| (setting.name, Raw { text: setting.default.to_owned(), origin: Origin::Default });
    let mut raw: BTreeMap<_, _> = SETTINGS.iter().map(default).collect();
    let environment = from_environment(inputs, faults);
    let file = file_of(inputs, faults);
    if let Some((path, text)) = &file {
        raw.extend(from_file(path, text, faults));
    }
    raw.extend(environment);
    for (name, text) in &inputs.flags {
        raw.insert(name, Raw { text: text.clone(), origin: Origin::Flag((*name).to_owned()) });
    }
    Gathered { raw, file: file.map(|(path, _)| path) }
}

fn file_of(inputs: &Inputs, faults: &mut Vec<Fault>) -> Option<(PathBuf, String)> {
    let variable = inputs.environment.iter().find(|(name, value)| name == FILE_VARIABLE && !value.is_empty());
    let (path, origin) = match (&inputs.file, variable) {
        (Some(path), _) => (path.clone(), Origin::Flag("config".to_owned())),
        (None, Some((_, path))) => (PathBuf::from(path), Origin::Environment(FILE_VARIABLE.to_owned())),
        (None, None) => {
            let path = inputs.directory.join("counterfoil.toml");
            if !path.exists() {
                return None;
            }
            (path.strip_prefix(".").map(Path::to_path_buf).unwrap_or(path), Origin::Default)
        }
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Some((path, text)),
        Err(error) => {
            faults.push(Fault {
                setting: "config".to_owned(),
                origin,
                shown: Some(path.display().to_string()),
                wrong: format!("the file cannot be read: {error}"),
                right: "name a TOML file that this user can read".to_owned(),
            });
            None
        }
    }
}

fn from_environment(inputs: &Inputs, faults: &mut Vec<Fault>) -> Vec<(&'static str, Raw)> {
    let mut found = Vec::new();
    for (name, value) in &inputs.environment {
        let name = name.to_string_lossy();
        if !name.starts_with(PREFIX) || name == FILE_VARIABLE {
            continue;
        }
        let origin = Origin::Environment(name.clone().into_owned());
        let fault = |wrong: &str, right: String| Fault {
            setting: name.clone().into_owned(),
            origin: origin.clone(),
            shown: None,
            wrong: wrong.to_owned(),
            right,
        };
        let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) else {
            let known = SETTINGS.iter().map(Setting::variable).chain([FILE_VARIABLE.to_owned()]);
            faults.push(fault("there is no such setting", did_you_mean(&name, known)));
            continue;
        };
        match value.to_str() {
            Some(text) => found.push((setting.name, Raw { text: text.to_owned(), origin })),
            None => faults.push(fault("the value is not UTF-8", "write it in UTF-8".to_owned())),
        }
    }
    found
}

fn from_file(path: &Path, text: &str, faults: &mut Vec<Fault>) -> Vec<(&'static str, Raw)> {
    let line_at = |offset: usize| 1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count();
    let origin = |offset: usize| Origin::File(path.to_path_buf(), line_at(offset));
    let (table, errors) = DeTable::parse_recoverable(text);
    // The parser's own words only: its `Display` would print the line, and the line may hold a password.
    faults.extend(errors.iter().map(|error| Fault {
        setting: "config".to_owned(),
        origin: origin(error.span().map_or(0, |span| span.start)),
        shown: None,
        wrong: format!("this is no TOML: {}", error.message()),
        right: "write lines of the form name = value, text in quotes; `counterfoil config show --example` prints a whole file".to_owned(),
    }));
    let mut found = Vec::new();
    for (key, value) in table.get_ref() {
        let fault = |wrong: String, right: String| Fault {
            setting: key.get_ref().to_string(),
            origin: origin(key.span().start),
            shown: None,
            wrong,
            right,
        };
        let Some(setting) = Setting::named(key.get_ref()) else {
            let known = SETTINGS.iter().map(|setting| setting.name.to_owned());
            faults.push(fault("there is no such setting".to_owned(), did_you_mean(key.get_ref(), known)));
            continue;
        };
        match scalar(value.get_ref(), setting.kind) {
            Some(text) => found.push((setting.name, Raw { text, origin: origin(key.span().start) })),
            // Where the syntax is broken, the recovered value is a leftover and would be blamed twice.
            None if errors.is_empty() => {
                faults.push(fault(format!("a {} does not fit here", value.get_ref().type_str()), format!("write {}", form(setting.kind))));
            }
            None => {}
        }
    }
    found
}

fn scalar(value: &DeValue<'_>, kind: Kind) -> Option<String> {
    match (kind, value) {
        (Kind::Text | Kind::List, DeValue::String(text)) => Some(text.to_string()),
        (Kind::Text | Kind::Number, DeValue::Integer(number)) if number.radix() == 10 => Some(number.as_str().to_owned()),
        (Kind::Switch, DeValue::Boolean(on)) => Some(on.to_string()),
        (Kind::List, DeValue::Array(items)) => {
            let items: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

fn form(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text in quotes",
        Kind::Number => "a whole number without quotes",
        Kind::Switch => "true or false without quotes",
        Kind::List => "a list of texts, [\"10.0.0.0/8\"]",
    }
}
