//! `hopguard config`: says what the configuration may hold.

use std::io::{self, Write};

use clap::{Args, ValueEnum};

use super::exit::Exit;
use crate::{
    config::{example, explain, schema},
    store,
};

/// Say what the configuration may hold
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct ConfigArgs {
    /// Print a commented configuration file
    #[arg(long)]
    example: bool,
    /// Print the JSON Schema of the configuration or of the documents, or the documents as custom resources of Kubernetes
    #[arg(long, value_name = "OF", value_enum, num_args = 0..=1, default_missing_value = "config")]
    schema: Option<SchemaOf>,
    /// Explain a key such as policy.timeout, or all keys
    #[arg(long, value_name = "KEY", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "absent, alone and with a key are three things")]
    explain: Option<Option<String>>,
    /// Print the Kubernetes manifests that put Hopguard beside Envoy by hand: ConfigMaps, and what belongs into a pod
    #[arg(long)]
    sidecar: bool,
}

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The configuration file.
    Config,
    /// The documents that people approve.
    Documents,
    /// The same documents, as definitions of custom resources.
    Crds,
}

impl ConfigArgs {
    /// Writes what was asked for.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        if let Some(of) = self.schema {
            match of {
                SchemaOf::Config => writeln!(out, "{:#}", schema())?,
                SchemaOf::Documents => writeln!(out, "{:#}", store::schema())?,
                SchemaOf::Crds => out.write_all(store::crds().as_bytes())?,
            }
            return Ok(Exit::Yes);
        }
        if self.sidecar {
            out.write_all(SIDECAR.as_bytes())?;
            return Ok(Exit::Yes);
        }
        let Some(key) = &self.explain else {
            out.write_all(example().as_bytes())?;
            return Ok(Exit::Yes);
        };
        match explain(key.as_deref()) {
            Ok(text) => {
                out.write_all(text.as_bytes())?;
                Ok(Exit::Yes)
            }
            Err(unknown) => {
                writeln!(out, "{unknown}")?;
                Ok(Exit::Usage)
            }
        }
    }
}

/// As the Helm chart renders it, for those who install nothing with Helm.
const SIDECAR: &str = include_str!("../../deploy/k8s/sidecar.yaml");

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::config::Config;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: ConfigArgs,
    }

    fn run(arguments: &[&str]) -> Result<(Exit, String), clap::Error> {
        let cli = Cli::try_parse_from([&["config"], arguments].concat())?;
        let mut out = Vec::new();
        let exit = cli.args.run(&mut out).unwrap();
        Ok((exit, String::from_utf8(out).unwrap()))
    }

    #[test]
    fn prints_an_example() {
        assert_eq!(run(&["--example"]).unwrap(), (Exit::Yes, example()));
    }

    #[test]
    fn prints_a_schema() {
        let (exit, text) = run(&["--schema"]).unwrap();
        assert_eq!(exit, Exit::Yes);
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }

    #[test]
    fn prints_the_schema_of_the_documents_as_it_ships() {
        let (exit, text) = run(&["--schema", "documents"]).unwrap();
        let ships = include_str!("../../deploy/schemas/documents.json");
        assert!(exit == Exit::Yes && text == ships, "print it anew: `hopguard config --schema documents`");
        assert_eq!(run(&["--schema", "config"]).unwrap(), run(&["--schema"]).unwrap());
        assert!(run(&["--schema", "nonsense"]).is_err());
    }

    #[test]
    fn prints_the_definitions_of_custom_resources() {
        let (exit, text) = run(&["--schema", "crds"]).unwrap();
        assert_eq!((exit, text.matches("\nkind: CustomResourceDefinition\n").count()), (Exit::Yes, 7));
    }

    #[test]
    fn explains_one_key_or_all() {
        assert!(run(&["--explain", "policy.timeout"]).unwrap().1.contains("default: 10ms"));
        assert!(run(&["--explain"]).unwrap().1.contains("policy.timeout "));
        assert_eq!(run(&["--explain", "nonsense"]).unwrap().0, Exit::Usage);
    }

    #[test]
    fn prints_manifests_whose_configuration_loads_and_admits_envoy_alone() {
        let (exit, text) = run(&["--sidecar"]).unwrap();
        assert!(exit == Exit::Yes && text == SIDECAR);
        let (_, rest) = text.split_once("  hopguard.yaml: |\n").unwrap();
        let source: String =
            rest.lines().map_while(|line| line.strip_prefix("    ")).map(|line| format!("{line}\n")).collect();
        let config = Config::parse(Path::new("/etc/hopguard/hopguard.yaml"), &source).unwrap();
        let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
        assert_eq!(
            (listen.as_slice(), config.state.as_deref()),
            (["unix:/run/hopguard/check.sock".to_owned()].as_slice(), Some(Path::new("/var/lib/hopguard/state")),)
        );
        assert!(text.contains("restartPolicy: Always") && text.contains("readOnlyRootFilesystem: true"));
    }

    #[test]
    fn wants_exactly_one_question() {
        assert!(run(&["--sidecar", "--example"]).is_err());
        assert!(run(&[]).is_err());
        assert!(run(&["--example", "--schema"]).is_err());
    }
}
