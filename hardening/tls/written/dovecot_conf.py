"""tls/dovecot.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 1864773198
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_newest = resolve('newest')
        l_0_least = resolve('least')
        l_0_off = resolve('off')
        l_0_job = resolve('job')
        l_0_prefers_name = resolve('prefers_name')
        l_0_prefers = resolve('prefers')
        l_0_dh_length = resolve('dh_length')
        l_0_dh_file = resolve('dh_file')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/dovecot.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'ssl = required\n'
            if (undefined(name='newest') if l_0_newest is missing else l_0_newest):
                pass
                yield 'ssl_server_cert_file = '
                yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
                yield '\nssl_server_key_file = '
                yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
                yield '\n'
            else:
                pass
                yield 'ssl_cert = <'
                yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
                yield '\nssl_key = <'
                yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
                yield '\n'
        if (undefined(name='least') if l_0_least is missing else l_0_least):
            pass
            yield 'ssl_min_protocol = '
            yield str((undefined(name='least') if l_0_least is missing else l_0_least))
            yield '\n'
        else:
            pass
            yield 'ssl_protocols = '
            yield str((undefined(name='off') if l_0_off is missing else l_0_off))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'ssl_cipher_list = '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield 'ssl_cipher_suites = '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'):
            pass
            yield 'ssl_curve_list = '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'), ':'))
            yield '\n'
        if (undefined(name='prefers_name') if l_0_prefers_name is missing else l_0_prefers_name):
            pass
            yield str((undefined(name='prefers_name') if l_0_prefers_name is missing else l_0_prefers_name))
            yield ' = '
            yield str((undefined(name='prefers') if l_0_prefers is missing else l_0_prefers))
            yield '\n'
        if (undefined(name='dh_length') if l_0_dh_length is missing else l_0_dh_length):
            pass
            yield 'ssl_dh_parameters_length = 2048\n'
        if (undefined(name='dh_file') if l_0_dh_file is missing else l_0_dh_file):
            pass
            yield str(('ssl_server_dh_file = ' if (undefined(name='newest') if l_0_newest is missing else l_0_newest) else 'ssl_dh = <'))
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
            yield '\n'

    return root
