//! The virtual machine: faster than the interpreter, and asked only where it cannot say anything else.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use regorus::{
    languages::rego::compiler::Compiler,
    rvm::{
        Program, RegoVM,
        vm::{ExecutionMode, ExecutionState, SuspendReason, VmError},
    },
    utils::limits::ExecutionTimerConfig,
};

use super::{
    super::Gate,
    EngineError, Value,
    calls::{self, Call},
    watch::Watch,
};

/// A compiled program. Each evaluation has a machine of its own: nothing that one hop leaves behind can reach the next.
pub(super) struct Machine {
    program: Arc<Program>,
    data: Value,
    calls: BTreeMap<Value, Call>,
    gate: Gate,
}

impl Machine {
    /// Compiles `rule` of the engine that `template` is.
    ///
    /// # Errors
    /// Why the machine cannot run it.
    pub(super) fn compile(
        template: &regorus::Engine,
        rule: &str,
        data: Value,
        calls: Vec<Call>,
        gate: Gate,
    ) -> Result<Self, String> {
        let policy = template.clone().compile_with_entrypoint(&rule.into()).map_err(|error| error.to_string())?;
        // Every builtin is called from here: the machine forgets the errors of those that it calls itself.
        let hosted: Vec<(&str, usize)> = calls.iter().map(|call| (call.name, usize::from(call.arity))).collect();
        let program = Compiler::compile_from_policy_with_host_await(&policy, &[rule], &hosted);
        let mut program = Arc::unwrap_or_clone(program.map_err(|error| error.to_string())?);
        if !program.builtin_info_table.is_empty() {
            return Err("it calls a builtin of its own".to_owned());
        }
        // The interpreter looks at every definition, and so at what fails in the last one.
        for rule in &mut program.rule_infos {
            rule.early_exit_on_first_success = false;
        }
        let mut machine = RegoVM::new();
        let program = Arc::new(program);
        machine.load_program(Arc::clone(&program));
        machine.set_data(data.clone()).map_err(|error| error.to_string())?;
        let calls = calls.into_iter().map(|call| (Value::from(call.name), call)).collect();
        Ok(Self { program, data, calls, gate })
    }

    /// Evaluates within what is left of `watch`.
    pub(super) fn run(&self, input: Value, watch: &Watch) -> Result<Value, EngineError> {
        let limit = watch.left();
        let mut machine = RegoVM::new();
        machine.load_program(Arc::clone(&self.program));
        machine.set_max_instructions(MOST);
        let check_interval = NonZeroU32::MIN.saturating_add(15);
        machine.set_execution_timer_config(Some(ExecutionTimerConfig { limit, check_interval }));
        machine.set_execution_mode(ExecutionMode::Suspendable);
        machine.set_data(self.data.clone()).map_err(|error| fault(&error, limit))?;
        machine.set_input(input);
        calls::begin();
        let mut value = machine.execute_entry_point_by_index(0).map_err(|error| fault(&error, limit))?;
        loop {
            let answer = match machine.execution_state() {
                ExecutionState::Suspended { reason: SuspendReason::HostAwait { argument, identifier, .. }, .. } => {
                    self.call(identifier, argument)?
                }
                ExecutionState::Completed { .. } => return Ok(value),
                _ => return Err(EngineError::Fault("the machine stopped".to_owned())),
            };
            // The machine's own clock stands still while a builtin runs.
            if watch.left().is_zero() {
                return Err(EngineError::Timeout(limit));
            }
            value = machine.resume(Some(answer)).map_err(|error| fault(&error, limit))?;
        }
    }

    fn call(&self, name: &Value, arguments: &Value) -> Result<Value, EngineError> {
        let (Some(call), Value::Array(arguments)) = (self.calls.get(name), arguments) else {
            return Err(EngineError::Fault("the machine called what is not there".to_owned()));
        };
        let arguments: Vec<Value> = arguments.iter().cloned().collect();
        call.run(&arguments, self.gate).map_err(|_| EngineError::Fault(format!("`{}` failed", call.name)))
    }
}

/// The machine's messages quote values.
fn fault(error: &VmError, limit: Duration) -> EngineError {
    match error {
        VmError::TimeLimitExceeded { .. } => EngineError::Timeout(limit),
        _ => EngineError::Fault("the machine failed".to_owned()),
    }
}

/// The most instructions: time ends an evaluation long before.
const MOST: usize = 100_000_000;
