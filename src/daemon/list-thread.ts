// SPDX-License-Identifier: Apache-2.0
/** Where the thread begins (list-worker.ts). */
import { parentPort, workerData } from "node:worker_threads";
import { doJob, type Job } from "./list-jobs.ts";

const { result, memory } = doJob(workerData as Job);
parentPort?.postMessage(result, memory);
