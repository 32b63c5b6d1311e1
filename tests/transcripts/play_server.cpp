// The server machine against a transcript: C lines are its input, S lines its expected output.
#include <algorithm>

#include "play.hpp"

namespace postroad::transcripts {

namespace {

using Kind = Turn::Kind;
using proto::Wish;

struct ServerPlay {
  ServerPlay(const Transcript& s, Chunking c, FaultAt f)
      : script(s), chunking(c), fault(f), options(server_options(s)), machine(options), canned(s) {}

  Played run();
  bool grant(const proto::Action& action);
  void feed();
  void check_order();

  const Transcript& script;
  Chunking chunking;
  FaultAt fault;
  smtp::ServerOptions options;
  smtp::ServerMachine machine;
  Canned canned;
  std::string said;      // everything the server has sent
  std::size_t turn = 0;  // the next turn of the client's to feed
  std::string group;     // client bytes on their way in
  std::size_t fed = 0;
  std::string chunk;  // what received() looks at now
  std::size_t step = 0;
  bool faulted = false;
  bool ended = false;
  std::string problem;
  proto::Time now{std::chrono::hours(1)};
};

// The next bytes for the server: all C turns up to the next S turn are one group, as a pipelining
// client sends them.
void ServerPlay::feed() {
  if (fed == group.size()) {
    group.clear();
    fed = 0;
    check_order();
    while (turn < script.turns.size()) {
      const auto& next = script.turns[turn];
      if (next.kind == Kind::client)
        group += next.bytes;
      else if (next.kind == Kind::client_closed && group.empty()) {
        ++turn;
        return machine.closed();
      } else if (next.kind == Kind::timeout && group.empty()) {
        ++turn;
        return machine.failed(fail(Fault::timeout, {}, "time"));
      } else if (!group.empty())
        break;
      if (next.kind == Kind::client_closed || next.kind == Kind::timeout) break;
      ++turn;
    }
    if (group.empty()) return machine.closed();
  }
  chunk = group.substr(fed, piece_size(group, fed, chunking));
  fed += chunk.size();
  machine.received(chunk);
}

// A server that waits has sent all lines before this turn, and none after it.
void ServerPlay::check_order() {
  auto next = turn;
  while (next < script.turns.size() &&
         (script.turns[next].kind == Kind::server || script.turns[next].kind == Kind::tls ||
          script.turns[next].kind == Kind::perform))
    ++next;
  const auto all = bytes_of(script, Kind::server, next);
  if (fault.failure != Failure::none || !problem.empty() || matches(all, said)) return;
  problem = "before turn " + std::to_string(next) + " the server had said\n" + said +
            "in place of\n" + all;
}

bool ServerPlay::grant(const proto::Action& action) {
  switch (action.wish) {
    case Wish::send:
      said += action.bytes;
      machine.sent(action.bytes.size());
      return true;
    case Wish::receive:
      feed();
      return true;
    case Wish::start_tls:
      fed = group.size();  // bytes after STARTTLS without TLS go to the handshake, never
                           // to the machine
      machine.tls_up({"TLSv1.3", "test", false, {"exporter", "end point"}, {}});
      return true;
    case Wish::consult:
      canned.answer(machine);
      return true;
    case Wish::done:
      ended = true;
      return false;
  }
  return false;
}

std::string check(const Word& word, const smtp::ServerMachine& machine, const Canned& canned) {
  const auto words = words_of(word.text);
  const auto wrong = [&](const std::string& is) {
    return "line " + std::to_string(word.line) + ": " + word.text + ", but it is " + is;
  };
  const auto& what = words.at(0);
  if (what == "messages" && canned.messages.size() != std::stoul(words.at(1)))
    return wrong(std::to_string(canned.messages.size()));
  if (what == "message") {
    const auto index = std::stoul(words.at(1)) - 1;
    if (index >= canned.messages.size()) return wrong("not there");
    if (canned.messages[index].bytes != words.at(2))
      return wrong('"' + canned.messages[index].bytes + '"');
  }
  if (what == "from" && (canned.messages.empty() || canned.messages.back().reverse_path !=
                                                        (words.size() > 1 ? words[1] : ""))) {
    return wrong(canned.messages.empty() ? "no message" : canned.messages.back().reverse_path);
  }
  if (what == "recipients") {
    std::string all;
    for (const auto& recipient :
         canned.messages.empty() ? std::vector<std::string>{} : canned.messages.back().recipients)
      all += ' ' + recipient;
    if ("recipients" + all != word.text) return wrong(all);
  }
  if (what == "parameters" || what == "recipient_parameters") {
    std::string all;
    if (!canned.messages.empty()) {
      const auto& last = canned.messages.back();
      if (what == "parameters") all = last.parameters;
      for (const auto& one : last.recipient_parameters) {
        if (what != "parameters") all += (all.empty() ? "" : " |") + one;
      }
    }
    if (what + all != word.text) return wrong(all);
  }
  if (what == "login" && machine.login() != (words.size() > 1 ? words[1] : ""))
    return wrong(machine.login());
  if (what == "ending") {
    static constexpr std::string_view names[] = {
        "open",    "quit",    "closed_by_peer", "timeout", "too_many_errors",
        "stopped", "refused", "failed",         "not_smtp"};
    const auto is = names[static_cast<std::size_t>(machine.ending())];
    if (is != words.at(1)) return wrong(std::string(is));
  }
  return {};
}

Played ServerPlay::run() {
  const std::size_t bound = 200'000;
  while (step < bound) {
    const auto action = machine.next(now);
    if (action.wish == Wish::done) {
      ended = true;
      break;
    }
    // A consult has no fault of its own here: the hooks' refusals are transcripts.
    if (fault.failure != Failure::none && step >= fault.step && !faulted &&
        action.wish != Wish::consult) {
      faulted = true;
      break_line(machine, fault.failure);
    } else {
      grant(action);
    }
    ++step;
  }
  Played played{problem, step, ended};
  if (fault.failure != Failure::none) {
    played.problem = check_kept(script, machine, canned);
    return played;
  }
  if (!played.problem.empty()) return played;
  if (const auto all = bytes_of(script, Kind::server, script.turns.size()); !matches(all, said))
    played.problem = "the server said\n" + said + "in place of\n" + all;
  if (played.problem.empty()) played.problem = check_expectations(script, machine, canned);
  return played;
}

}  // namespace

std::string bytes_of(const Transcript& script, Turn::Kind side, std::size_t turns) {
  std::string text;
  for (std::size_t i = 0; i < turns; ++i) {
    if (script.turns[i].kind == side) text += script.turns[i].bytes;
  }
  return text;
}

std::string check_expectations(const Transcript& script, const smtp::ServerMachine& machine,
                               const Canned& canned) {
  for (const auto& word : script.expectations) {
    if (auto problem = check(word, machine, canned); !problem.empty()) return problem;
  }
  return {};
}

std::string check_kept(const Transcript& script, const smtp::ServerMachine& machine,
                       const Canned& canned) {
  for (const auto& message : canned.messages) {
    if (message.recipients.empty()) return "a message without a recipient was kept";
  }
  for (const auto& word : script.expectations) {
    if (canned.messages.empty() || !word.text.starts_with("message 1")) continue;
    if (auto problem = check(word, machine, canned); !problem.empty()) return problem;
  }
  return {};
}

Played play_server(const Transcript& script, Chunking chunking, FaultAt fault) {
  return ServerPlay(script, chunking, fault).run();
}

}  // namespace postroad::transcripts
