// SPDX-License-Identifier: Apache-2.0
/**
 * The journey up: what the kernel reports becomes a name, a line on the screen, a question. Nothing here changes a verdict: by the time
 * a record arrives, the kernel has decided, and goes on holding what nobody has answered.
 */
import { baseName } from "../apps/image.ts";
import { decodeBytes } from "../contract/bytes.ts";
import type { Decoded } from "../contract/codec.ts";
import type { KtimeNs } from "../contract/ids.ts";
import { CLASS_UNKNOWN } from "../contract/ids.ts";
import {
  type Action,
  type AnswerEvent,
  DNS_LEAST_SECONDS,
  DNS_MOST_SECONDS,
  type FlowEndEvent,
  type FlowEvent,
  type HeldEvent,
  IMAGE_PATH_LENGTH,
  type ImageEvent,
} from "../contract/layout.gen.ts";
import type { RingRecord } from "../contract/record.ts";
import { wallClockMs } from "../kernel/clock.ts";
import type { ImageKeyFields } from "../kernel/kernel.ts";
import { PROTOCOL_UDP, parsePacket } from "../kernel/packet.ts";
import { reconsider } from "./ask.ts";
import { namesTold } from "./dns.ts";
import type { Engine } from "./engine.ts";
import { askerOf, type Hold } from "./holds.ts";
import { identifyImage } from "./identify.ts";
import { conversation, judged, totalsOf, VERDICTS } from "./judged.ts";
import type { Named } from "./unnamed.ts";

const UDP_HEADER = 8;

/** Every record from the rings comes here, in order. */
export function onRecord(engine: Engine, record: RingRecord): void {
  switch (record.kind) {
    case "image":
      identify(engine, record.event);
      break;
    case "flow":
      engine.spaces.learn(record.event.flow.netns, record.event.flow.tgid);
      /* What is held must be looked at now; its line on the screen can wait for the name. */
      if (VERDICTS[record.event.verdict as Action] === "held")
        reconsider(engine, engine.holds.note(record.event.flow, record.event.key, record.event.rule));
      if (record.event.flow.class !== CLASS_UNKNOWN || !engine.unnamed.keep(record)) onFlow(engine, record.event);
      break;
    case "flow-end":
      for (const hold of holdsOf(engine, record.event.flow.cookie)) hold.gone = true;
      for (const key of engine.holds.forgetAnswers(record.event.flow.cookie)) engine.kernel.removeOnce(key);
      if (!engine.unnamed.has(record.event.key) || !engine.unnamed.keep(record)) onFlowEnd(engine, record.event);
      break;
    case "answer":
      onAnswer(engine, record.event, record.packet);
      break;
    case "held":
      engine.spaces.learn(record.event.flow.netns, record.event.flow.tgid);
      onHeld(engine, record.event, record.packet);
      break;
    case "listen":
      engine.spaces.learn(record.event.flow.netns, record.event.flow.tgid);
      break;
    case "netns":
      engine.guards.serve();
      engine.spaces.learn(record.event.netns, record.event.tgid);
      break;
  }
}

/** The names of a name server's answer. It comes before every flow it leads to. */
function onAnswer(engine: Engine, { flow, trusted }: Decoded<typeof AnswerEvent>, bytes: Uint8Array): void {
  const packet = parsePacket(bytes);
  if (packet === null || packet.protocol !== PROTOCOL_UDP) return;
  const message = bytes.subarray(packet.transport + UDP_HEADER, packet.end);
  for (const told of namesTold(message, flow.peerPort)) {
    const untilMs = Date.now() + Math.min(Math.max(told.ttl, DNS_LEAST_SECONDS), DNS_MOST_SECONDS) * 1000;
    engine.names.learn({ ...told, ...askerOf(flow), trusted: trusted === 1, untilMs });
  }
}

function onHeld(engine: Engine, event: Decoded<typeof HeldEvent>, packet: Uint8Array): void {
  const hold = engine.holds.keep(event, packet);
  const question = hold && engine.questions.find(hold.flow);
  if (question) question.packets += 1;
  reconsider(engine, hold);
}

function identify(engine: Engine, event: Decoded<typeof ImageEvent>): void {
  const identifying = onImage(engine, event).finally(() => engine.identifying.delete(identifying));
  engine.identifying.add(identifying);
}

/** An image without a class: who is it? Then whatever waited for the answer is looked at again. */
async function onImage(engine: Engine, event: Decoded<typeof ImageEvent>): Promise<void> {
  engine.spaces.learn(event.netns, event.tgid);
  try {
    const path = event.pathStart < IMAGE_PATH_LENGTH ? decodeBytes(event.path.subarray(event.pathStart, IMAGE_PATH_LENGTH)) : null;
    const comm = decodeBytes(event.comm.subarray(0, event.comm.indexOf(0) >>> 0));
    await identifyImage(engine, {
      key: event.key,
      tgid: event.tgid,
      startNs: event.startNs as KtimeNs,
      uid: event.uid,
      parentTgid: event.parentTgid,
      argsHash: event.argsHash,
      comm: comm || baseName(path ?? ""),
      path,
    });
  } catch (error) {
    engine.log(`Cannot identify process ${event.tgid}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const showOf = (key: ImageKeyFields): void =>
    showThose(
      engine,
      engine.unnamed.takeOf(key, (each) => engine.kernel.classOf(each)),
    );
  showOf(event.key);
  for (const hold of engine.holds.all()) {
    if (hold.flow.class !== CLASS_UNKNOWN) continue;
    /* That it was held is shown before what becomes of it now; its image may be known by another's identification. */
    showOf(hold.image);
    reconsider(engine, hold);
  }
}

/** Shows the flows whose programs have names by now. Due once a second: for those that another's identification named, or that never get a name. */
export function showNamed(engine: Engine): void {
  const taken = engine.unnamed.take(
    (key) => engine.kernel.classOf(key),
    (text) => engine.filing.has(text),
  );
  showThose(engine, taken);
}

function showThose(engine: Engine, named: readonly Named[]): void {
  for (const { record, classId } of named) {
    const flow = { ...record.event.flow, class: record.event.flow.class || classId };
    if (record.kind === "flow") onFlow(engine, { ...record.event, flow });
    else onFlowEnd(engine, { ...record.event, flow });
  }
}

function onFlow(engine: Engine, event: Decoded<typeof FlowEvent>): void {
  const { flow, verdict, by, rule, generation, undecided, ambiguous, header } = event;
  judged(engine, flow, {
    action: verdict,
    by,
    rule,
    generation,
    undecided: undecided !== 0,
    ambiguous: ambiguous !== 0,
    timeMs: wallClockMs(header.timeNs),
  });
}

const holdsOf = (engine: Engine, cookie: bigint): Hold[] => engine.holds.all().filter(({ flow }) => flow.cookie === cookie);

function onFlowEnd(engine: Engine, event: Decoded<typeof FlowEndEvent>): void {
  /*
   * Whoever asked has given up: what waits for an answer is not sent any more; the question stays, and its answer meets the retry. What
   * only waited for its program's name has it by now.
   */
  for (const hold of holdsOf(engine, event.flow.cookie)) {
    reconsider(engine, hold);
    engine.holds.forget(hold);
  }
  engine.flows.ended({
    ...conversation(event.flow),
    totals: totalsOf(event.counters),
    timeMs: wallClockMs(event.header.timeNs),
  });
}
