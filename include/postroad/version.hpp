// What this library is called and how its symbols leave the shared object.
#pragma once

#define POSTROAD_EXPORT __attribute__((visibility("default")))
