from certify.certification.api import Options as Options
from certify.certification.api import Profile as Profile
from certify.certification.api import Result as Result
from certify.certification.api import certify as certify
from certify.certification.api import load_profile as load_profile

__version__: str
