// SPDX-License-Identifier: Apache-2.0
/** Every row of the leak matrix. The same list is the positive control (all of it arrives with nothing attached) and the proof (none does). */

import type { Row } from "./row.ts";
import { belowIpRows, groupRows, otherIpRows } from "./rows-ip.ts";
import { tcpRows, udpRows } from "./rows-transport.ts";
import { whoRows } from "./rows-who.ts";

export const ROWS: readonly Row[] = [...tcpRows, ...udpRows, ...otherIpRows, ...belowIpRows, ...groupRows, ...whoRows];
