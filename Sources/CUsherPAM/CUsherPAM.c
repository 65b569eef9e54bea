#include "CUsherPAM.h"
