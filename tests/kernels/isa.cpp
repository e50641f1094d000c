#include "kernels/isa.hpp"

#include <immintrin.h>

#include <cstdlib>
#include <stdexcept>

#include "fixture.hpp"

using namespace nanoflow::kernels;
using namespace nanoflow::kernels::test;

BOOST_AUTO_TEST_SUITE(isa_)

BOOST_AUTO_TEST_CASE(the_best_version_is_chosen_and_another_can_be) {
  if (std::getenv("NANOFLOW_ISA") == nullptr) {
    BOOST_TEST((current_isa() == Isa::reference) == fast_versions().empty());
  }
  const UseIsa use(Isa::reference);
  BOOST_TEST((current_isa() == Isa::reference));
}

BOOST_AUTO_TEST_CASE(a_version_that_the_processor_lacks_is_refused) {
  for (const Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx}) {
    if (!supported(isa)) BOOST_CHECK_THROW(use_isa(isa), std::runtime_error);
  }
}

BOOST_AUTO_TEST_CASE(the_float_mode_flushes_subnormals) {
  const unsigned before = _mm_getcsr();
  volatile float tiny = 1e-38F;
  BOOST_TEST(tiny * 0.01F > 0);
  set_float_mode();
  BOOST_TEST(tiny * 0.01F == 0);
  _mm_setcsr(before);
}

BOOST_AUTO_TEST_SUITE_END()
