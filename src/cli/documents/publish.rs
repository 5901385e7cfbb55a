//! Documents packed for fleets that share no directory, exactly as they are when nobody changes them.

use std::{fs, io, path::Path};

use super::{Desk, Failure, desk::MODE, place::is_document, proposal::shell};
use crate::{
    store::write::{Change, Held, bundle},
    yaml::{Problems, quote},
};

impl Desk {
    /// Whether the documents can be published as a bundle.
    ///
    /// # Errors
    /// Some of them do not load, and whoever gets them in a bundle has no good ones from before; or they are facts of their own directory,
    /// which is not in any bundle.
    pub(crate) fn publishable(&self) -> Result<(), Failure> {
        if self.directory != self.place.documents {
            return Err(Failure::Usage("facts of their own directory are in no bundle: leave out `--to`".to_owned()));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = |name: &str| (name.ends_with(".yaml") || name.ends_with(".yml")) && name.bytes().all(is_plain);
        if let Some(name) = self.files.keys().find(|name| is_document(name) && !is_name(name)) {
            let why = "cannot be the name of a file in a bundle: use letters, digits, `.`, `_` and `-`";
            return Err(Failure::Refused(format!("{} {why}", quote(name))));
        }
        let problems = &self.documents.problems;
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems.clone()).into()) }
    }

    /// Writes all documents as a bundle, while nobody else writes documents. Says what was written, and what is to be done with it.
    ///
    /// # Errors
    /// It cannot be packed or written.
    pub(crate) fn publish(&self, file: &Path, held: &Held) -> Result<Vec<String>, Failure> {
        let documents = self.files.iter().filter(|(name, _)| is_document(name));
        let texts =
            documents.filter_map(|(name, content)| Some((name.clone(), String::from_utf8(content.clone()).ok()?)));
        let becomes = bundle::bundle(&texts.collect(), &self.documents.revision)?;
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Failure::Usage(format!("`{}` is no name of a file", file.display())))?.to_owned();
        let was = match fs::read(file) {
            Ok(was) => Some(was),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let change = Change { name, was, becomes: Some(becomes), mode: MODE };
        if fs::canonicalize(directory)? == fs::canonicalize(&self.directory)? {
            held.apply(&[change])?;
        } else {
            Held::of(directory)?.apply(&[change])?;
        }
        let path = shell(&file.display().to_string());
        Ok(vec![
            format!("packed   {path}"),
            format!(
                "next     sign:    opa build -b {path} -o SIGNED.tar.gz --signing-key KEY --claims-file CLAIMS, with `iat` in the claims"
            ),
        ])
    }
}
