//! What is shipped is what OPA's own tools like, and what OPA refuses to load does not load here.

use std::{fs, path::Path, process::Command};

use crate::{
    author,
    draw::Draw,
    judges::{Guard, Oracle, Way},
    policy::Policy,
    tutorials::opa_bin,
};

#[test]
fn shipped_rego_is_formatted_and_passes_opas_checks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Each recipe has a policy of its own.
    let recipes = fs::read_dir(root.join("deploy/k8s/examples")).unwrap().map(|recipe| recipe.unwrap().path());
    let recipes: Vec<_> = recipes.filter(|recipe| recipe.is_dir()).map(|recipe| recipe.join("authz.rego")).collect();
    assert!(!recipes.is_empty());
    for path in ["rego", "tests/corpus/policies"].map(|path| root.join(path)).into_iter().chain(recipes) {
        for arguments in [&["fmt", "--list", "--fail"][..], &["check", "--strict"]] {
            let told = Command::new(opa_bin()).args(arguments).arg(&path).output().unwrap();
            let text = [told.stdout, told.stderr].concat();
            assert!(told.status.success(), "opa {arguments:?} {}: {}", path.display(), String::from_utf8_lossy(&text));
        }
    }
}

#[test]
fn what_opa_refuses_does_not_load_here() {
    let (mut oracle, guard) = (Oracle::start(), Guard::start());
    let (mut refused, mut by_type, mut lenient) = (0, 0, Vec::new());
    for number in 0..POLICIES {
        let mut draw = Draw::part(7, number);
        let mut policy = author::write(draw.clone());
        break_somewhere(&mut draw, &mut policy);
        let Err(error) = oracle.load(&policy) else { continue };
        refused += 1;
        let of_types = error.matches("rego_type_error").count();
        // How types follow from types is OPA's alone to know; here the same shows when the rule is evaluated.
        let is_of_types_only = of_types > 0 && of_types == error.matches("\"code\": \"rego_").count();
        // A function whose types do not fit is none to its callers.
        let is_unknown = error.contains("undefined function") && !error.contains("match error");
        if guard.load(&policy, Way::CompatibleInterpreter).is_ok() {
            if is_of_types_only && !is_unknown && !error.contains("arity") {
                by_type += 1;
                continue;
            }
            lenient.push(format!("{error}\n{}\n{}", policy.library(), policy.module()));
        }
    }
    println!(
        "{POLICIES} broken policies, of which OPA refuses {refused}, and {by_type} load here that only its types refuse"
    );
    assert!(refused > POLICIES / 3, "only {refused} policies are broken");
    assert!(lenient.is_empty(), "{} policies load that OPA refuses\n{}", lenient.len(), lenient.join("\n\n"));
}

/// Does to a policy what authors do to theirs.
fn break_somewhere(draw: &mut Draw, policy: &mut Policy) {
    let at = draw.below(policy.rules.len());
    let rule = &mut policy.rules[at];
    match draw.below(10) {
        0 => rule.body.push("nobody_wrote_this == 1".to_owned()),
        1 => rule.body.push("no.such.function(1)".to_owned()),
        2 => rule.body.push("decision".to_owned()),
        3 => rule.body.push("startswith(\"a\")".to_owned()),
        4 => rule.body.push("count([1]) == \"1\"".to_owned()),
        5 => rule.body.push("x := 1; x := 2".to_owned()),
        6 => rule.body.push("not unbound_variable > 1".to_owned()),
        7 => rule.head.push_str(" :="),
        8 => rule.body.push("some x in".to_owned()),
        _ => rule.head = rule.head.replace(" contains ", " := "),
    }
}

const POLICIES: usize = 300;
