// The component: the provider of provider.js, with the host's own way to send.
import { send } from "jackfield:provider/http@0.1.0";

import { makeProvider } from "./provider.js";

export const provider = makeProvider(send);
