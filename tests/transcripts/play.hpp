// Plays a transcript against one machine, in one chunking, with at most one fault. Everything is in
// memory: no socket, no clock but a counter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "settings.hpp"
#include "transcript.hpp"

namespace postroad::transcripts {

enum class Chunking { whole, by_line, by_octet };
enum class Failure { none, end_of_stream, reset, timeout };

/// How many octets behind `at` come in one piece; `at` is before the end.
inline std::size_t piece_size(std::string_view octets, std::size_t at, Chunking chunking) {
  if (chunking == Chunking::by_octet) return 1;
  const auto end = chunking == Chunking::by_line ? octets.find('\n', at) : std::string_view::npos;
  return (end == std::string_view::npos ? octets.size() : end + 1) - at;
}

struct FaultAt {
  Failure failure = Failure::none;
  std::size_t step = 0;  ///< the wish, counted from 0, that fails instead of being granted
};

struct Played {
  std::string problem;    ///< what differs from the transcript; empty: nothing
  std::size_t steps = 0;  ///< wishes granted
  bool ended = false;     ///< the machine came to `done`
};

Played play_server(const Transcript& script, Chunking chunking, FaultAt fault);
Played play_client(const Transcript& script, Chunking chunking, FaultAt fault);

}  // namespace postroad::transcripts
