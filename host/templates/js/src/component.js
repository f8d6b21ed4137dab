// The component: the provider in provider.js, with the `send` function of the host.
import { send } from "jackfield:provider/http@0.1.0";

import { makeProvider } from "./provider.js";

export const provider = makeProvider(send);
