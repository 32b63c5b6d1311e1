// The rows of the reply table that every server has. A row says what a provider documents, or what
// its replies show; the text is in lower case. The order matters: replies about one recipient come
// first, providers before servers in general.
#include "relay/mx/reply_rules.hpp"

namespace postroad::relay::mx {

namespace {

using Action = ReplyRule::Action;
using Rows = std::vector<ReplyRule>;
using std::chrono::hours;
using std::chrono::minutes;

Rows about_recipients() {
  return {
      {"too-many-recipients", {}, {"452"}, {"too many recipients"}},
      {"greylisting", {}, {"4xx"}, {"greylist", "graylist"}},
      {"recipient-rate",
       {},
       {"4xx"},
       {"receiving mail too quickly", "receiving email too quickly", "receiving mail at a rate",
        "receiving email at a rate", "deferred due to excessive volume",
        "exceeded message rate limit"}},
      {"recipient-full",
       {},
       {"45x"},
       {"out of storage space", "over quota", "overquota", "mailbox full", "mailbox is full"}},
      {"google-sender", {".google.com", ".googlemail.com"}, {"4xx"}, {"rate limited because"}},
      {"google-message",
       {".google.com", ".googlemail.com"},
       {"421 4.7.28"},
       {"one of your url domains", "same message-id", "your spf domain", "your dkim domain"}},
      {"yahoo-connection-end", {".yahoodns.net"}, {"421"}, {"max message per connection"}},
  };
}

Rows of_google_and_yahoo() {
  return {
      {"google-rate",
       {".google.com", ".googlemail.com"},
       {"421 4.7.0", "421 4.7.28"},
       {"detected an unusual rate of", "detected an unusual amount of"},
       Action::pause,
       minutes(10)},
      {"google-address",
       {".google.com", ".googlemail.com"},
       {"421", "451"},
       {"ip address has been temporarily rate limited", "have a ptr record"},
       Action::pause,
       hours(1),
       2},
      {"yahoo-04",
       {".yahoodns.net"},
       {"421"},
       {"[ts04]", "[tss04]", "[ipts04]"},
       Action::pause,
       hours(2)},
      {"yahoo-05", {".yahoodns.net"}, {"421"}, {"[tss05]", "[ipts05]"}, Action::pause, hours(4)},
      {"yahoo-deferred",
       {".yahoodns.net"},
       {"421"},
       {"temporarily deferred"},
       Action::pause,
       minutes(90),
       2},
      {"yahoo-busy",
       {".yahoodns.net"},
       {"451"},
       {"resources temporarily unavailable"},
       Action::pause,
       minutes(5),
       2},
  };
}

Rows of_other_providers() {
  return {
      {"outlook-connections", {".olc.protection.outlook.com"}, {"451 4.7.652"}, {}, Action::slow},
      {"outlook-reputation",
       {".olc.protection.outlook.com"},
       {"451 4.7.650", "451 4.7.651"},
       {},
       Action::pause,
       minutes(30),
       3},
      {"microsoft-busy",
       {".protection.outlook.com", ".mx.microsoft"},
       {"451 4.7.500"},
       {"server busy"},
       Action::pause,
       minutes(30),
       5},
      {"microsoft-denied",
       {".protection.outlook.com", ".mx.microsoft"},
       {"4xx 4.7.x"},
       {"access denied, please try again later"},
       Action::pause,
       hours(1),
       5},
      {"icloud-busy",
       {".icloud.com"},
       {"4xx"},
       {"service unavailable - try again later", "[bs02]", "[hcm1]"},
       Action::pause,
       minutes(15),
       2},
      {"orange-connections",
       {".orange.fr", ".wanadoo.fr"},
       {"421"},
       {"trop de connexions"},
       Action::slow},
      {"orange-refused",
       {".orange.fr", ".wanadoo.fr"},
       {"421"},
       {"service refuse"},
       Action::pause,
       hours(1),
       2},
      {"gmx-policy",
       {".gmx.net", ".web.de"},
       {"421"},
       {"reject due to policy", "too many messages have been received"},
       Action::pause,
       hours(1),
       2},
      {"proofpoint-address", {}, {"421"}, {"ipcheck.proofpoint.com"}, Action::pause, hours(1), 2},
  };
}

Rows of_servers() {
  return {
      {"too-many-connections",
       {},
       {"421", "450", "451", "452"},
       {"too many connections", "too many concurrent", "too many smtp connections",
        "too many open connections", "too many sessions", "connection rate limit exceeded",
        "number of concurrent connections", "number of concurrent server connections",
        "too much mail from", "#rl0000", "server ports are busy", "too much load"},
       Action::slow},
      {"no-resources",
       {},
       {"452"},
       {"insufficient system", "insufficient disk", "space shortage"},
       Action::pause,
       minutes(15),
       3},
  };
}

}  // namespace

const std::vector<ReplyRule>& shipped_reply_rules() {
  static const Rows rows = [] {
    Rows all;
    for (auto part :
         {about_recipients(), of_google_and_yahoo(), of_other_providers(), of_servers()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

}  // namespace postroad::relay::mx
