// SPDX-License-Identifier: Apache-2.0
/** Addresses, as rules/ has always named them: they are shared words now. */
export * from "../contract/address.ts";
