// Exports of libpostroad for libpostroad-queue beside its public headers: pure functions that both
// need. They are not a public interface, so both libraries must be of one version. A function
// that the queue library needs and that lacks this mark is an undefined symbol when it is linked.
#pragma once

#include <postroad/version.hpp>

#define POSTROAD_QUEUE_EXPORT POSTROAD_EXPORT
