// The text of a message in the server machine: slices to the consultant, the end, and what is eaten
// after a refusal (a refused message's octets are never run as commands, CVE-2017-16943).
#include "proto/smtp/server_machine.hpp"

namespace postroad::smtp {

namespace {
constexpr std::uint64_t most_eaten = 16 << 20;  // octets beyond twice the limit
}  // namespace

void ServerMachine::on_text() {
  const auto before = input_.size();
  const auto piece = decoder_.decode(input_);
  block_octets_ += before - input_.size();
  text_octets_ += before - input_.size();
  if (block_octets_ >= options_.limits.data_block_size) {
    block_octets_ = 0;
    waiting_ = false;
  }
  message_octets_ += piece.octets.size();
  if (message_octets_ > options_.limits.message_size && !verdict_) {
    verdict_ = std::make_unique<Reply>(Reply{
        552,
        {5, 3, 4},
        "the message is larger than " + std::to_string(options_.limits.message_size) + " octets"});
  }
  if (decoder_.saw_bare_line_end() && options_.bare_line_ends == BareLineEnds::refuse &&
      !verdict_) {
    verdict_ = std::make_unique<Reply>(
        Reply{554, {5, 6, 0}, "the message has a CR or LF that is not part of a CRLF"});
  }
  if (piece.end) return on_text_end();
  // What is refused is eaten, but not for ever.
  if (verdict_ && message_octets_ > 2 * options_.limits.message_size + most_eaten) {
    reply(*verdict_);
    return close(Ending::refused);
  }
  if (!piece.octets.empty() && !verdict_) ask(AskBody{piece.octets});
}

void ServerMachine::on_text_end() {
  mode_ = Mode::commands;
  waiting_ = false;
  ask(AskEnd{!verdict_, verdict_.get()});
}

}  // namespace postroad::smtp
