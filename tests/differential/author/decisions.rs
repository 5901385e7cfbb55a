//! Decisions in the shapes that policies beside Envoy have: booleans, objects, and refusals that win.

use super::{Author, Kind};

impl Author {
    pub(super) fn decision(&mut self) {
        match self.draw.below(if self.is_terse { 7 } else { 9 }) {
            0 | 1 => self.plain(),
            2 => self.branches(),
            3 | 4 => self.refusals_win(),
            5 => self.refusal_absent(),
            6 => self.object_whole(),
            7 => self.object_in_parts(),
            _ => self.anything(),
        }
    }

    /// `default decision := false`, and reasons for a yes.
    fn plain(&mut self) {
        if self.draw.chance(80) {
            self.rule("default decision := false", Vec::new());
        }
        for _ in 0..self.draw.between(1, 3) {
            let body = self.conditions();
            self.rule("decision", body);
        }
    }

    /// One rule after another, and the first that holds decides.
    fn branches(&mut self) {
        let body = self.conditions();
        let first = self.draw.of(&["false", "true"]);
        self.rule(format!("decision := {first}"), body);
        for value in ["false", "true"] {
            if self.draw.chance(70) {
                let body = self.conditions();
                self.rules.last_mut().unwrap().otherwise.push((value.to_owned(), body));
            }
        }
        if self.draw.chance(50) {
            self.rules.last_mut().unwrap().otherwise.push(("false".to_owned(), Vec::new()));
        }
    }

    /// A set of sentences against it, which must be empty.
    fn refusals_win(&mut self) {
        for sentence in ["\"first\"", "\"second\""] {
            if sentence == "\"first\"" || self.draw.chance(50) {
                let body = self.conditions();
                self.rule(format!("deny contains {sentence}"), body);
            }
        }
        let gone = self.draw.of(&["count(deny) == 0", "deny == set()", "not deny[\"first\"]", "not \"first\" in deny"]);
        if self.draw.chance(50) {
            self.rule("default decision := false", Vec::new());
        }
        let mut body = if self.draw.chance(50) { self.conditions() } else { Vec::new() };
        body.push(gone.to_owned());
        match self.draw.below(3) {
            0 => self.rule("decision := {\"allowed\": true, \"headers\": {\"x-by\": \"policy\"}}", body),
            _ => self.rule("decision", body),
        }
    }

    /// `not deny`, which holds where `deny` cannot be told.
    fn refusal_absent(&mut self) {
        for _ in 0..self.draw.between(1, 2) {
            let body = self.conditions();
            self.rule("deny", body);
        }
        if self.draw.chance(40) {
            self.rule("default deny := false", Vec::new());
        }
        let mut body = if self.draw.chance(60) { self.conditions() } else { Vec::new() };
        body.push("not deny".to_owned());
        if self.draw.chance(60) {
            self.rule("default decision := false", Vec::new());
        }
        self.rule("decision", body);
    }

    fn object_whole(&mut self) {
        let no = self.draw.of(&[
            "{\"allowed\": false}",
            "{\"allowed\": false, \"http_status\": 401, \"body\": \"no\", \"headers\": {\"x-why\": \"no\"}}",
        ]);
        self.rule(format!("default decision := {no}"), Vec::new());
        let body = self.conditions();
        let user = self.expression(Kind::Text, 1);
        let yes = match self.draw.below(3) {
            0 => "{\"allowed\": true}".to_owned(),
            1 => format!("{{\"allowed\": true, \"headers\": {{\"x-by\": {user}}}}}"),
            _ => format!("{{\"allowed\": true, \"dynamic_metadata\": {{\"user\": {user}}}, \"headers\": {{}}}}"),
        };
        self.rule(format!("decision := {yes}"), body);
    }

    fn object_in_parts(&mut self) {
        self.rule("default allow := false", Vec::new());
        let body = self.conditions();
        self.rule("allow", body);
        self.rule("decision[\"allowed\"] := allow", Vec::new());
        let value = self.expression(Kind::Text, 1);
        self.rule(format!("decision[\"headers\"] := {{\"x-by\": {value}}}"), Vec::new());
        if self.draw.chance(50) {
            self.rule("decision[\"http_status\"] := 429", vec!["not allow".to_owned()]);
        }
    }

    /// What nobody should write: a decision that is whatever an expression is.
    fn anything(&mut self) {
        if self.draw.chance(50) {
            let value = self.draw.of(&["false", "{\"allowed\": false}", "null", "\"no\""]);
            self.rule(format!("default decision := {value}"), Vec::new());
        }
        let body = self.conditions();
        let kind = if self.draw.chance(40) { Kind::Truth } else { self.kind() };
        let value = match kind {
            Kind::Truth => format!("{{\"allowed\": {}}}", self.named(Kind::Truth).unwrap_or_else(|| "true".to_owned())),
            kind => self.expression(kind, 2),
        };
        self.rule(format!("decision := {value}"), body);
    }

    fn conditions(&mut self) -> Vec<String> {
        self.scope.clear();
        let mut body = self.body(1, 3);
        self.scope.clear();
        if self.draw.chance(40)
            && let Some(name) = self.named(Kind::Truth)
        {
            body.push(name);
        }
        body
    }
}
