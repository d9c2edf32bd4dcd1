// SPDX-License-Identifier: Apache-2.0
/** Flows, questions and programs in the shapes of cli.md. */
import type { App } from "../contract/app.ts";
import type { FlowRecord } from "../contract/flow.ts";
import type { AppShape, Flow, Question } from "../contract/shapes.ts";
import { hasPorts, protocolLabel } from "../rules/protocols.ts";
import { addressText } from "./address.ts";
import { resultingRule, scopesOf } from "./answers.ts";
import type { OpenQuestion } from "./ask.ts";
import type { Engine } from "./engine.ts";
import { askerOf } from "./holds.ts";

type Who = { readonly pid: number | null; readonly uid: number | null };

/** A program as the API shows it. */
export function shownApp(engine: Engine, app: App, { pid, uid }: Who): AppShape {
  return {
    path: app.path,
    name: app.name,
    via: app.via && { path: app.via.path, name: app.via.name },
    script: app.script,
    args: [...app.args],
    pid: pid || null,
    uid,
    user: uid === null ? null : engine.userName(uid),
    package: app.package,
    packageIntact: app.packageIntact,
    unit: app.unit,
    container: app.container,
    flatpak: app.flatpak,
    snap: app.snap,
    appimage: app.appimage,
    sha256: engine.sha256Of(app),
    changedSince: app.changedSince,
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** A flow record as the API shows it. */
export function shownFlow(engine: Engine, record: FlowRecord): Flow {
  const ports = hasPorts(record.protocol);
  const port = ports ? record.port : null;
  return {
    id: record.id,
    app: record.app && shownApp(engine, record.app, { pid: record.pid, uid: record.uid }),
    direction: record.direction,
    protocol: protocolLabel(record.protocol),
    address: record.address,
    port,
    localPort: ports ? record.localPort : null,
    name: record.names[0]?.name ?? null,
    names: [...record.names],
    verdict: record.verdict,
    by: record.by,
    rule: record.rule,
    reason: record.reason,
    state: record.state,
    bytesOut: record.bytesOut,
    bytesIn: record.bytesIn,
    packetsOut: record.packetsOut,
    packetsIn: record.packetsIn,
    attempts: record.attempts,
    first: iso(record.firstMs),
    last: iso(record.lastMs),
  };
}

/** A question as the API shows it. */
export function shownQuestion(engine: Engine, question: OpenQuestion): Question {
  const { flow } = question;
  const out = flow.direction === 0;
  const ports = hasPorts(flow.protocol);
  const address = out || question.flows === 1 ? addressText({ high: flow.peerHigh, low: flow.peerLow }) : null;
  const names = address === null ? [] : engine.names.of(address, askerOf(flow));
  return {
    id: question.id,
    since: iso(question.sinceMs),
    app: shownApp(engine, question.args.length > 0 ? { ...question.app, args: question.args } : question.app, {
      pid: flow.tgid,
      uid: flow.uid,
    }),
    direction: out ? "out" : "in",
    protocol: protocolLabel(flow.protocol),
    address,
    port: ports ? (out ? flow.peerPort : flow.localPort) : null,
    localPort: ports ? flow.localPort : null,
    name: names[0]?.name ?? null,
    names,
    flows: question.flows,
    packets: question.packets,
    rule: question.askRule?.id ?? null,
    scopes: scopesOf(engine, question),
    resultingRule: resultingRule(engine, question),
  };
}
