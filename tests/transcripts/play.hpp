// Plays a transcript against one machine, in one chunking, with at most one fault. Everything is in memory: no socket, no
// clock but a counter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "settings.hpp"
#include "transcript.hpp"

namespace postroad::transcripts {

enum class Chunking { whole, by_line, by_octet };
enum class Failure { none, end_of_stream, reset, timeout };

struct FaultAt {
  Failure failure = Failure::none;
  std::size_t step = 0;  ///< the wish, counted from 0, that fails instead of being granted
};

struct Played {
  std::string problem;      ///< what differs from the transcript; empty: nothing
  std::size_t steps = 0;    ///< wishes granted
  bool ended = false;       ///< the machine came to `done`
};

Played play_server(const Transcript& script, Chunking chunking, FaultAt fault);
Played play_client(const Transcript& script, Chunking chunking, FaultAt fault);

}  // namespace postroad::transcripts
