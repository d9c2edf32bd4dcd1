/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#define MARKER_ETHERTYPE 0x88b5 /* IEEE 802 local experimental ethertype 1 */
#define MARKER_MAGIC "HOLDFAST"
