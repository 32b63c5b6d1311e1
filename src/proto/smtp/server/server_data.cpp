// Message data in the server machine, by DATA or by BDAT (RFC 3030). The bytes of a refused message
// are read and dropped: they never run as commands (CVE-2017-16943).
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/server/server_machine.hpp"

namespace postroad::smtp {

namespace {
constexpr std::uint64_t most_dropped = 16 << 20;  // bytes read beyond twice the limit

Reply too_large(std::uint64_t limit) {
  return {552, {5, 3, 4}, "message too large (limit " + std::to_string(limit) + " bytes)"};
}

}  // namespace

void ServerMachine::begin_text() { data_ = {}; }

// `bytes` of the message itself, without dots and chunk headers.
void ServerMachine::take_bytes(std::string_view bytes) {
  data_.bytes += bytes.size();
  if (data_.verdict) return;
  if (data_.bytes > options_.limits.message_size) {
    data_.verdict = std::make_unique<Reply>(too_large(options_.limits.message_size));
    return;
  }
  const bool bare = data_.decoder.saw_bare_line_end() || data_.line_ends.saw_bare();
  if (bare && options_.bare_line_ends == BareLineEnds::refuse) {
    data_.verdict = std::make_unique<Reply>(
        Reply{554, {5, 6, 0}, "bare CR or LF in message data: lines must end with CRLF"});
  }
}

// Each block has its own deadline.
void ServerMachine::count_block(std::uint64_t bytes) {
  counts_.data_bytes += bytes;
  data_.block_bytes += bytes;
  if (data_.block_bytes < options_.limits.data_block_size) return;
  data_.block_bytes = 0;
  waits_.is_waiting = false;
}

// A refused message is read to its end, within a bound.
bool ServerMachine::gives_up_reading() {
  if (!data_.verdict || data_.bytes <= 2 * options_.limits.message_size + most_dropped)
    return false;
  reply(*data_.verdict);
  close(Ending::refused);
  return true;
}

void ServerMachine::on_text() {
  const auto before = input_.size();
  const auto piece = data_.decoder.decode(input_);
  count_block(before - input_.size());
  take_bytes(piece.bytes);
  if (piece.end) return on_text_end();
  if (gives_up_reading()) return;
  if (!piece.bytes.empty() && !data_.verdict) ask(AskBody{piece.bytes});
}

void ServerMachine::on_text_end() {
  mode_ = Mode::commands;
  waits_.is_waiting = false;
  ask(AskEnd{!data_.verdict, data_.verdict.get()});
}

// bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] RFC 3030 section 2
void ServerMachine::on_bdat(const CommandLine& command) {
  const auto blank = command.argument.find(' ');
  const auto size = parse_number(command.argument.substr(0, blank));
  const auto marker =
      blank == std::string_view::npos ? std::string_view{} : trim(command.argument.substr(blank));
  // The end of its data is unknown or too far away: nothing after it can be read as commands.
  const auto most = 2 * options_.limits.message_size + most_dropped;
  if (!size || (!marker.empty() && !iequals(marker, "LAST")) || *size > most) {
    reply(size && *size > most ? Reply{552, {5, 3, 4}, "chunk too large"}
                               : Reply{501, {5, 5, 4}, "syntax: BDAT chunk-size [LAST]"});
    ++counts_.errors;
    return close(Ending::refused);
  }
  chunk_ = std::make_unique<Chunk>();
  chunk_->left = chunk_->size = *size;
  chunk_->is_last = !marker.empty();
  mode_ = Mode::chunk;
  auto refusal = check(command);
  if (!options_.extensions.chunking) refusal = Reply{502, {5, 5, 1}, "CHUNKING is not offered"};
  if (!refusal && transaction_.recipients.empty())
    refusal = recipients_refused_ ? Reply{554, {5, 5, 1}, "no valid recipients"}
                                  : Reply{503, {5, 5, 1}, "BDAT out of order: send RCPT TO first"};
  if (refusal) {
    chunk_->refusal = std::make_unique<Reply>(std::move(*refusal));
  } else if (phase_ == Phase::rcpt) {
    phase_ = Phase::chunks;
    return ask(AskData{});
  }
  if (chunk_->left == 0) on_chunk_end();
}

void ServerMachine::on_chunk() {
  const auto bytes = input_.substr(0, std::min<std::uint64_t>(chunk_->left, input_.size()));
  input_.remove_prefix(bytes.size());
  chunk_->left -= bytes.size();
  count_block(bytes.size());
  if (!chunk_->refusal) {
    if (transaction_.body != Body::binary_mime) data_.line_ends.look(bytes);
    take_bytes(bytes);
    if (gives_up_reading()) return;
    if (!data_.verdict) return ask(AskBody{bytes});
  }
  if (chunk_->left == 0) on_chunk_end();
}

// A chunk that fails ends the transaction: those that follow are read, dropped and get 503.
void ServerMachine::on_chunk_end() {
  mode_ = Mode::commands;
  waits_.is_waiting = false;
  if (chunk_->refusal) {
    // The next message, perhaps by DATA, must not be taken for a part of this one.
    const auto ended = std::exchange(chunk_, nullptr);
    refuse(*ended->refusal);
    if (mode_ != Mode::closing && phase_ == Phase::chunks) reset_transaction();
    return;
  }
  if (chunk_->is_last) {
    data_.line_ends.end();
    take_bytes({});
  }
  if (data_.verdict || chunk_->is_last) return ask(AskEnd{!data_.verdict, data_.verdict.get()});
  reply(250, {2, 0, 0}, std::to_string(chunk_->size) + " bytes received");
}

// The reply to the end of the message, or one per recipient (RFC 2033 section 4.2,
// draft-hall-prdr).
void ServerMachine::say_end(const Reply& answer, const Each& each) {
  const auto& recipients = transaction_.recipients;
  const bool differ = std::any_of(each.begin(), each.end(),
                                  [&](const Reply& one) { return one.code != answer.code; });
  const auto say_each = [&] {
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      auto one = i < each.size() ? each[i] : answer;
      one.text = '<' + recipients[i].text() + "> " + one.text;
      reply(one);
    }
  };
  // A chunk that fails before the last has one reply in LMTP too.
  const bool is_whole = !chunk_ || chunk_->is_last;
  if (!(options_.lmtp && is_whole) && !(transaction_.prdr && differ))
    return answer.is_success() ? reply(answer) : refuse(answer);
  if (!options_.lmtp) reply(353, {}, "replies per recipient follow");
  say_each();
  if (!options_.lmtp) return answer.is_success() ? reply(answer) : refuse(answer);
  if (!answer.is_success()) ++counts_.errors;
  if (answer.code == 421) close(Ending::refused);
}

}  // namespace postroad::smtp
