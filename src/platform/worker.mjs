/**
 * The Worker's entry module. `cargo xtask build` bundles it with the bindings that wasm-bindgen
 * makes ("kerbside") and the files beside this one.
 *
 * A panic ends the instance of wasm: its memory may be in any state. The next event starts another
 * one. The panic itself has been reported by the hook of the `worker` crate, and whoever waited for
 * the old instance is rejected by the executor.
 */
import module from "./index_bg.wasm";
import * as instance from "kerbside";

instance.initSync({ module });
/** Shared with the panic hook of the `worker` crate, which sets `criticalError`. */
const state = instance.__worker_init_state();

/** Replaces an instance that has panicked. */
function recover() {
  if (!state.criticalError) return;
  state.criticalError = false;
  instance.__wbg_reset_state();
}

/** Notes a trap that no panic hook has seen, such as a stack overflow. */
function note(error) {
  if (error instanceof WebAssembly.RuntimeError) state.criticalError = true;
}

addEventListener("error", (event) => note(event.error));

export default {
  fetch(request, env, context) {
    recover();
    try {
      return instance.fetch(request, env, context);
    } catch (error) {
      note(error);
      throw error;
    }
  },

  async scheduled(event, env, context) {
    recover();
    try {
      await instance.scheduled(event, env, context);
    } catch (error) {
      note(error);
      throw error;
    }
  },
};
