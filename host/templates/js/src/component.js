// The component: the provider in provider.js, with the `send` and `log` functions of the host.
import { send } from "jackfield:provider/http@0.1.0";
import { log } from "jackfield:provider/log@0.1.0";

import { logMistakes } from "./log_mistakes.js";
import { makeProvider } from "./provider.js";

export const provider = logMistakes(makeProvider(send), log);
