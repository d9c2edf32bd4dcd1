/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Prints one JSON line for an Ethernet frame of `length` bytes that stands for `segments` packets. */
void print_frame(const char *device, const unsigned char *frame, size_t length, unsigned int segments);
