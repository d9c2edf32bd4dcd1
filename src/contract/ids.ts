// SPDX-License-Identifier: Apache-2.0
/** Ids and units that must not be mixed up: plain numbers and bigints at run time, distinct types to the compiler. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

/** Id of a rule: positive, never reused (32 bits in the kernel tables). */
export type RuleId = Brand<number, "RuleId">;
/** Id of a question to the person. Never reused. */
export type QuestionId = Brand<number, "QuestionId">;
/** Id of a flow record. Never reused. */
export type FlowId = Brand<number, "FlowId">;
/** Id of an application class in the kernel's tables; 0 = not yet identified, 1 = the kernel itself. */
export type ClassId = Brand<number, "ClassId">;
/** Id of "this program as a responsible app"; 0 = none. */
export type AppId = Brand<number, "AppId">;
/** Counts table flips; what the kernel has in force. */
export type Generation = Brand<number, "Generation">;
/** Counts edits of the local rules in the store. */
export type Revision = Brand<number, "Revision">;
/** Nanoseconds of CLOCK_BOOTTIME (bpf_ktime_get_boot_ns). */
export type KtimeNs = Brand<bigint, "KtimeNs">;
/** A kernel socket cookie. */
export type Cookie = Brand<bigint, "Cookie">;
/** A kernel network namespace cookie. */
export type NetnsCookie = Brand<bigint, "NetnsCookie">;

export const CLASS_UNKNOWN = 0 as ClassId;
export const CLASS_KERNEL = 1 as ClassId;
