// The version of this library, and the visibility of its symbols in the shared object.
#pragma once

#define POSTROAD_EXPORT __attribute__((visibility("default")))
