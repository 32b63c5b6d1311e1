// Plays a transcript against one machine, in one chunking, with at most one failure. Everything is
// in memory, without sockets and without a clock. The expectations are separate functions, for the
// player over real sockets (tests/loopback/).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/smtp/client/client_machine.hpp"
#include "settings.hpp"
#include "transcript.hpp"

namespace postroad::transcripts {

enum class Chunking { whole, by_line, by_byte };
enum class Failure { none, end_of_stream, reset, timeout };

/// How many bytes from `at` come in one piece; `at` is before the end.
inline std::size_t piece_size(std::string_view bytes, std::size_t at, Chunking chunking) {
  if (chunking == Chunking::by_byte) return 1;
  const auto end = chunking == Chunking::by_line ? bytes.find('\n', at) : std::string_view::npos;
  return (end == std::string_view::npos ? bytes.size() : end + 1) - at;
}

/// Reports a lost connection to a machine.
template <class Machine>
void break_line(Machine& machine, Failure failure) {
  if (failure == Failure::end_of_stream) machine.closed();
  if (failure == Failure::reset) machine.failed(fail(Fault::closed, {}, "reset"));
  if (failure == Failure::timeout) machine.failed(fail(Fault::timeout, {}, "time"));
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

/// A `do:` line: open | mail FROM TO[,TO…] "text" [8bit] [utf8] [binary] [size] [unreadable]
/// [asks:…] [pieces:N] | VERB [argument] | quit. `text` is the body that a mail gives when it is
/// asked for it.
struct Operation {
  std::string verb;
  std::string argument;
  smtp::MailRequest request;
  std::string text;
  bool unreadable = false;
  std::size_t piece = 0;  ///< bytes of `text` given at once, each a BDAT; 0: as the chunking says
};
/// How many bytes of `text` behind `at` are given at once.
std::size_t body_piece(const Operation& operation, std::size_t at, Chunking chunking);
Operation read_operation(const std::string& what);
void begin(smtp::ClientMachine& machine, const Operation& operation);

/// The client's side after a transcript: the first error of any operation, the report of the last
/// message, all that it sent.
struct ClientFacts {
  const smtp::ClientMachine& machine;
  const std::optional<Error>& error;
  const SendReport& report;
  std::string_view said;
  bool faulted = false;
};
/// The difference; empty: none. The first check holds after any failure, the second is the file's.
std::string check_outcomes(const ClientFacts& facts);
std::string check_expectations(const Transcript& script, const ClientFacts& facts);
std::string check_expectations(const Transcript& script, const smtp::ServerMachine& machine,
                               const Canned& canned);
/// No part of a message was kept as a whole message.
std::string check_kept(const Transcript& script, const smtp::ServerMachine& machine,
                       const Canned& canned);
/// All bytes of one side in the first `turns` turns.
std::string bytes_of(const Transcript& script, Turn::Kind side, std::size_t turns);

Played play_server(const Transcript& script, Chunking chunking, FaultAt fault);
Played play_client(const Transcript& script, Chunking chunking, FaultAt fault);

}  // namespace postroad::transcripts
