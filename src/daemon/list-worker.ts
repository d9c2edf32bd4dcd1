// SPDX-License-Identifier: Apache-2.0
/** Does a job in a thread that ends with it: what it needed for that is given back whole. */
import { Worker } from "node:worker_threads";
import type { JobName, Jobs } from "./list-jobs.ts";

/** Rejects with what went wrong there. */
export function inThread<J extends JobName>(name: J, job: Jobs[J]["job"]): Promise<Jobs[J]["result"]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./list-thread.ts", import.meta.url), { workerData: { name, ...job } });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`The thread for job "${name}" ended with ${code} before it was done`)));
  });
}
