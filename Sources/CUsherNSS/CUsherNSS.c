#include "CUsherNSS.h"
