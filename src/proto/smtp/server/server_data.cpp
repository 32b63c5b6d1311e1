// The text of a message in the server machine, by DATA or by BDAT (RFC 3030): slices to the
// consultant, the end, and what is eaten after a refusal (a refused message's octets are never run
// as commands, CVE-2017-16943).
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/server/server_machine.hpp"

namespace postroad::smtp {

namespace {
constexpr std::uint64_t most_eaten = 16 << 20;  // octets beyond twice the limit
}  // namespace

void ServerMachine::begin_text() {
  decoder_ = {};
  line_ends_ = {};
  message_octets_ = block_octets_ = 0;
  verdict_.reset();
}

// Octets of the message, without what transport put between them.
void ServerMachine::take_octets(std::string_view octets) {
  message_octets_ += octets.size();
  if (message_octets_ > options_.limits.message_size && !verdict_) {
    verdict_ = std::make_unique<Reply>(Reply{
        552,
        {5, 3, 4},
        "the message is larger than " + std::to_string(options_.limits.message_size) + " octets"});
  }
  const bool bare = decoder_.saw_bare_line_end() || line_ends_.saw_bare();
  if (bare && options_.bare_line_ends == BareLineEnds::refuse && !verdict_) {
    verdict_ = std::make_unique<Reply>(
        Reply{554, {5, 6, 0}, "the message has a CR or LF that is not part of a CRLF"});
  }
}

// What is refused is eaten, but not for ever.
bool ServerMachine::is_read_in_vain() {
  if (!verdict_ || message_octets_ <= 2 * options_.limits.message_size + most_eaten) return false;
  reply(*verdict_);
  close(Ending::refused);
  return true;
}

void ServerMachine::on_text() {
  const auto before = input_.size();
  const auto piece = decoder_.decode(input_);
  block_octets_ += before - input_.size();
  text_octets_ += before - input_.size();
  if (block_octets_ >= options_.limits.data_block_size) {
    block_octets_ = 0;
    waiting_ = false;
  }
  take_octets(piece.octets);
  if (piece.end) return on_text_end();
  if (is_read_in_vain()) return;
  if (!piece.octets.empty() && !verdict_) ask(AskBody{piece.octets});
}

void ServerMachine::on_text_end() {
  mode_ = Mode::commands;
  waiting_ = false;
  ask(AskEnd{!verdict_, verdict_.get()});
}

// bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] RFC 3030 §2
void ServerMachine::on_bdat(const CommandLine& command) {
  const auto blank = command.argument.find(' ');
  const auto size = parse_number(command.argument.substr(0, blank));
  const auto marker =
      blank == std::string_view::npos ? std::string_view{} : trim(command.argument.substr(blank));
  // Where its octets end is not known, or too far away to be eaten: nothing behind it can be read.
  const auto most = 2 * options_.limits.message_size + most_eaten;
  if (!size || (!marker.empty() && !iequals(marker, "LAST")) || *size > most) {
    reply(size && *size > most ? Reply{552, {5, 3, 4}, "the chunk is too large"}
                               : Reply{501, {5, 5, 4}, "syntax: BDAT octets [LAST]"});
    ++errors_;
    return close(Ending::refused);
  }
  chunk_ = std::make_unique<Chunk>();
  chunk_->left = chunk_->size = *size;
  chunk_->is_last = !marker.empty();
  mode_ = Mode::chunk;
  auto refusal = check(command);
  if (!options_.chunking) refusal = Reply{502, {5, 5, 1}, "CHUNKING is not offered here"};
  if (!refusal && transaction_.recipients.empty())
    refusal = recipients_refused_ ? Reply{554, {5, 5, 1}, "no valid recipients"}
                                  : Reply{503, {5, 5, 1}, "BDAT not now: send RCPT TO first"};
  if (refusal) {
    chunk_->refusal = std::make_unique<Reply>(std::move(*refusal));
  } else if (phase_ == Phase::rcpt) {
    phase_ = Phase::chunks;
    return ask(AskData{});
  }
  if (chunk_->left == 0) on_chunk_end();
}

void ServerMachine::on_chunk() {
  const auto octets = input_.substr(0, std::min<std::uint64_t>(chunk_->left, input_.size()));
  input_.remove_prefix(octets.size());
  chunk_->left -= octets.size();
  block_octets_ += octets.size();
  text_octets_ += octets.size();
  if (block_octets_ >= options_.limits.data_block_size) {
    block_octets_ = 0;
    waiting_ = false;
  }
  if (!chunk_->refusal) {
    if (transaction_.body != Body::binary_mime) line_ends_.look(octets);
    take_octets(octets);
    if (is_read_in_vain()) return;
    if (!verdict_) return ask(AskBody{octets});
  }
  if (chunk_->left == 0) on_chunk_end();
}

// A chunk that fails ends the transaction: those that follow it are eaten, and get 503.
void ServerMachine::on_chunk_end() {
  mode_ = Mode::commands;
  waiting_ = false;
  if (chunk_->refusal) {
    // It is over: the next message, by DATA perhaps, must not be taken for a part of it.
    const auto ended = std::exchange(chunk_, nullptr);
    refuse(*ended->refusal);
    if (mode_ != Mode::closing && phase_ == Phase::chunks) reset_transaction();
    return;
  }
  if (chunk_->is_last) {
    line_ends_.end();
    take_octets({});
  }
  if (verdict_ || chunk_->is_last) return ask(AskEnd{!verdict_, verdict_.get()});
  reply(250, {2, 0, 0}, std::to_string(chunk_->size) + " octets received");
}

// The replies behind the text: one, or one a recipient (RFC 2033 §4.2, draft-hall-prdr).
void ServerMachine::say_end(const Reply& answer, const std::vector<Reply>& each) {
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
  if (!options_.lmtp) reply(353, {}, "the recipients differ");
  say_each();
  if (!options_.lmtp) return answer.is_success() ? reply(answer) : refuse(answer);
  if (!answer.is_success()) ++errors_;
  if (answer.code == 421) close(Ending::refused);
}

}  // namespace postroad::smtp
