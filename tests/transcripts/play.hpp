// Plays a transcript against one machine, in one chunking, with at most one fault. Everything is in
// memory: no socket, no clock but a counter. What the dialogue asks of a machine and what must hold
// afterwards is apart, for the player over real sockets (tests/loopback/).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/smtp/client/client_machine.hpp"
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

/// Tells a machine that its line is gone.
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
  std::size_t piece = 0;  ///< octets of `text` given at once, each a BDAT; 0: as the chunking says
};
/// How many octets of `text` behind `at` are given at once.
std::size_t body_piece(const Operation& operation, std::size_t at, Chunking chunking);
Operation read_operation(const std::string& what);
void begin(smtp::ClientMachine& machine, const Operation& operation);

/// The client's side after a dialogue: the first error of any operation, the last mail's report,
/// all that it said.
struct ClientFacts {
  const smtp::ClientMachine& machine;
  const std::optional<Error>& error;
  const SendReport& report;
  std::string_view said;
  bool faulted = false;
};
/// What differs; empty: nothing. The first holds however the line broke, the second is the file's.
std::string check_outcomes(const ClientFacts& facts);
std::string check_expectations(const Transcript& script, const ClientFacts& facts);
std::string check_expectations(const Transcript& script, const smtp::ServerMachine& machine,
                               const Canned& canned);
/// No part of a message was kept as a whole one.
std::string check_kept(const Transcript& script, const smtp::ServerMachine& machine,
                       const Canned& canned);
/// All octets of one side in the first `moves` moves.
std::string octets_of(const Transcript& script, Move::Kind side, std::size_t moves);

Played play_server(const Transcript& script, Chunking chunking, FaultAt fault);
Played play_client(const Transcript& script, Chunking chunking, FaultAt fault);

}  // namespace postroad::transcripts
