//! Where documents are, and what they have to be there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use super::Failure;
use crate::{
    approval::{AllowedSigners, Approvals},
    clock::Timestamp,
    config::Config,
    fact::{Fact, Facts},
    store::{Documents, FactsDirectory, Rules, Texts},
    yaml::{Problem, Problems},
};

/// Where documents are: in a directory, or in the one that a configuration names.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Where {
    /// The directory of the documents
    #[arg(long, value_name = "DIR", group = "where", required_unless_present = "config")]
    dir: Option<PathBuf>,
    /// The configuration that names it, and says what documents have to keep to
    #[arg(long, value_name = "FILE", group = "where")]
    config: Option<PathBuf>,
    /// Who may sign, where no configuration says it
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    allowed_signers: Option<PathBuf>,
}

/// Where documents are, and what they have to keep to.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The directory of documents.
    pub(crate) documents: PathBuf,
    /// The directory of facts, if they have one of their own.
    pub(crate) facts: Option<PathBuf>,
    pub(crate) rules: Rules,
    /// What names this place on a command line.
    pub(crate) named: Vec<String>,
}

impl Where {
    /// The place of documents.
    ///
    /// # Errors
    /// The configuration, or who may sign, does not load; or the documents are no files of this machine.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        let option = |name: &str, path: &Path| [name.to_owned(), path.display().to_string()];
        let Some(file) = &self.config else {
            let Some(directory) = &self.dir else {
                return Err(Failure::Usage("name a directory with `--dir`, or a configuration with `--config`".into()));
            };
            let signers = self.allowed_signers.as_deref();
            let approvals = Approvals { required: false, signers: signers.map(signers_of).transpose()? };
            let mut named = option("--dir", directory).to_vec();
            named.extend(signers.into_iter().flat_map(|path| option("--allowed-signers", path)));
            return Ok(Place {
                documents: directory.clone(),
                facts: None,
                rules: Rules { approvals, ..Rules::default() },
                named,
            });
        };
        let config = Config::load(file)?;
        let Some(documents) = config.documents.clone() else {
            let why = "no `store.directory` is configured: name the directory that the documents are published from with `--dir`";
            return Err(Failure::Usage(why.to_owned()));
        };
        let ceiling = &config.ceiling;
        let signers = ceiling.allowed_signers.as_deref().map(signers_of).transpose()?;
        let approvals = Approvals { required: ceiling.approvals_required, signers };
        Ok(Place {
            documents,
            facts: ceiling.facts.clone(),
            rules: ceiling.rules(approvals),
            named: option("--config", file).to_vec(),
        })
    }
}

impl Place {
    /// Reads the texts of a directory of this place as documents.
    pub(crate) fn read(&self, directory: &Path, files: &BTreeMap<String, Vec<u8>>, now: Timestamp) -> Documents {
        let (mut texts, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, content) in files.iter().filter(|(name, _)| is_document(name)) {
            let label = directory.join(name).display().to_string();
            match String::from_utf8(content.clone()) {
                Ok(text) => drop(texts.insert(label, text)),
                Err(_) => problems.push(Problem::of_file(&label, "is not UTF-8")),
            }
        }
        let mut documents = Texts::new(self.rules.clone()).read(texts, now);
        documents.problems.extend(problems);
        documents
    }

    /// The facts that grants are held against: those beside the documents, and those of their own directory.
    ///
    /// # Errors
    /// That directory cannot be read.
    pub(crate) fn facts(&self, documents: &Documents) -> Result<Facts, Problems> {
        let facts: Vec<Arc<Fact>> = match &self.facts {
            Some(directory) => FactsDirectory::new(directory).read()?.beside(documents).0,
            None => documents.facts.clone(),
        };
        Ok(Facts::new(facts))
    }
}

/// Whether a reader of documents reads a file of this name.
pub(crate) fn is_document(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !name.starts_with('.') && [".yaml", ".yml"].iter().any(|end| lower.ends_with(end))
}

fn signers_of(path: &Path) -> Result<Arc<AllowedSigners>, Failure> {
    let label = path.display().to_string();
    let text =
        fs::read_to_string(path).map_err(|error| Problem::of_file(&label, format!("cannot be read: {error}")))?;
    Ok(Arc::new(AllowedSigners::parse(&label, &text)?))
}
