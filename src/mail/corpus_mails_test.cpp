// Mails written by hand; see test_mails.hpp.
#include "mail/test_mails.hpp"

namespace postroad::mail {
std::vector<NamedMail> handwritten_mails() { return {}; }
}  // namespace postroad::mail
